"""What a model id permits, as data: one record per model, with the aliases of retired names."""

from msgspec import Struct


class Profile(Struct, frozen=True):
    """One model's rules. ``generation`` is the model generation, as ``(major, minor)``.

    Sources: the reference of the Gemini Live API and the model pages, as of 20 Nov 2026.
    """

    id: str
    display_name: str
    generation: tuple[int, int]
    input_token_limit: int = 131_072
    output_token_limit: int = 65_536
    thinking: bool = True

    @property
    def collects_initial_history(self) -> bool:
        """Whether ``historyConfig`` makes the first client content wait (only the 3.x family)."""
        return self.generation >= (3, 0)


_PROFILES = (
    Profile(
        "gemini-2.5-flash-native-audio-preview-12-2025",
        "Gemini 2.5 Flash Native Audio",
        (2, 5),
        output_token_limit=8_192,
    ),
    Profile("gemini-3.1-flash-live-preview", "Gemini 3.1 Flash Live", (3, 1)),
    Profile("gemini-3.8-live", "Gemini 3.8 Live", (3, 8), thinking=False),
    Profile("gemini-3.8-live-extended-thinking", "Gemini 3.8 Live Extended Thinking", (3, 8)),
)

PROFILES = {profile.id: profile for profile in _PROFILES}

_ALIASES = {
    "gemini-2.5-flash-native-audio-latest": "gemini-2.5-flash-native-audio-preview-12-2025",
    "gemini-2.5-flash-native-audio-preview-09-2025": "gemini-2.5-flash-native-audio-preview-12-2025",
    "gemini-2.5-flash-preview-native-audio-dialog": "gemini-2.5-flash-native-audio-preview-12-2025",
    "gemini-live-2.5-flash": "gemini-2.5-flash-native-audio-preview-12-2025",
    "gemini-live-2.5-flash-native-audio": "gemini-2.5-flash-native-audio-preview-12-2025",
    "gemini-live-2.5-flash-preview": "gemini-2.5-flash-native-audio-preview-12-2025",
    "gemini-2.0-flash-live-001": "gemini-2.5-flash-native-audio-preview-12-2025",
    "gemini-2.0-flash-exp": "gemini-2.5-flash-native-audio-preview-12-2025",
}


def find(name: str) -> Profile | None:
    """The profile for a model name as clients send it: bare, or with a ``models/`` or publisher path."""
    model_id = name.rsplit("/", 1)[-1]
    return PROFILES.get(_ALIASES.get(model_id, model_id))
