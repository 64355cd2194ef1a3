"""The doors: one ASGI application, one file per door."""
