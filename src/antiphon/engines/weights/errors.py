"""What can go wrong with model files."""


class WeightsError(Exception):
    """Model files cannot be had, or are not what they should be; the message says why and what to do."""
