"""A pytest plugin: sends google-genai's own live tests, whose client ignores the environment, to a server."""

import os

from google.genai._api_client import BaseApiClient

BaseApiClient._websocket_base_url = lambda *_: os.environ["GOOGLE_GEMINI_BASE_URL"].replace("https", "wss", 1)
