"""A pytest plugin: gives google-genai's own tests credentials of Google Cloud that need no refresh."""

import os
from typing import Any

from google.genai import _api_client
from google.oauth2.credentials import Credentials


def _load(*, project: str | None) -> tuple[Any, str]:
    return Credentials(token=os.environ["GOOGLE_API_KEY"]), project or os.environ["GOOGLE_CLOUD_PROJECT"]


_api_client.load_auth = _load
