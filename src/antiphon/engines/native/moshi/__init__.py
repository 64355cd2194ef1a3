"""Moshi: a model that listens and speaks at the same time, 80 ms by 80 ms."""
