"""Settings of what the hosted service brings along: its tools, its safety filters, its avatars.

They are read as documented, so that nothing a real client sends is a surprise. Whether a server serves them is for
its model profiles to say. Values whose vocabularies grow with the service are plain text.
"""

from typing import Any

from antiphon.wire.gemini.base import Empty, Wire


class SearchTypes(Wire):
    """What to search for."""

    web_search: Empty | None = None
    image_search: Any = None


class Interval(Wire):
    """A span of time, in RFC 3339."""

    start_time: str = ""
    end_time: str = ""


class GoogleSearch(Wire):
    """Grounds answers in a search; presence is enough."""

    search_types: SearchTypes | None = None
    time_range_filter: Interval | None = None
    exclude_domains: list[str] = []
    blocking_confidence: str = ""


class GoogleMaps(Wire):
    """Grounds answers in a map."""

    enable_widget: bool = False
    auth_config: Any = None
    grounding_types: Any = None


class DynamicRetrievalConfig(Wire):
    """When the older search tool searches."""

    mode: str = ""
    dynamic_threshold: float | None = None


class GoogleSearchRetrieval(Wire):
    """The older search tool."""

    dynamic_retrieval_config: DynamicRetrievalConfig | None = None


class StreamableHttpTransport(Wire):
    """How a server of tools is reached. Headers may hold secrets."""

    url: str = ""
    headers: dict[str, str] = {}
    timeout: str = ""
    sse_read_timeout: str = ""
    terminate_on_close: bool = False


class McpServer(Wire):
    """A server of tools (Model Context Protocol) that the service itself calls."""

    name: str = ""
    streamable_http_transport: StreamableHttpTransport | None = None


class SafetySetting(Wire):
    """What is blocked from which probability on."""

    category: str = ""
    threshold: str = ""
    method: str = ""


class CustomizedAvatar(Wire):
    """An avatar made from a picture."""

    image_mime_type: str = ""
    image_data: bytes = b""


class AvatarConfig(Wire):
    """The face that answers."""

    avatar_name: str = ""
    customized_avatar: CustomizedAvatar | None = None
    audio_bitrate_bps: int | None = None
    video_bitrate_bps: int | None = None


class TranslationConfig(Wire):
    """Into what a translating model translates."""

    target_language_code: str = ""
    echo_target_language: bool = False
