"""A pytest plugin: sends google-genai's own tests, whose client ignores the environment, to a server."""

import os
from typing import Any

from google.genai._api_client import BaseApiClient

SERVER = os.environ["GOOGLE_GEMINI_BASE_URL"]

_init = BaseApiClient.__init__


def _init_for_server(self: BaseApiClient, *arguments: Any, **options: Any) -> None:
    _init(self, *arguments, **options)
    self._http_options.base_url = SERVER


BaseApiClient.__init__ = _init_for_server
BaseApiClient._websocket_base_url = lambda *_: SERVER.replace("https", "wss", 1)
