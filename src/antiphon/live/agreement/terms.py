"""What a setup is measured by."""

from collections.abc import Collection, Iterator

from msgspec import UNSET

from antiphon.live.abilities import Abilities
from antiphon.live.profiles import Profile
from antiphon.wire.gemini.client import Wire
from antiphon.wire.refusal import Refusal


class Terms:
    """A model's profile, an engine's abilities and a server's strictness; and, so far, what was set in vain.

    ``ignored`` holds paths in the client's own message, each with the reason where that helps.
    """

    def __init__(self, profile: Profile, abilities: Abilities | None, strict: bool) -> None:
        self.profile = profile
        self.abilities = abilities or Abilities(name="")
        self.strict = strict
        self.ignored: list[str] = []

    @property
    def engine(self) -> str:
        """The engine, for people."""
        return self.abilities.name or "this server"

    def ignore(self, field: str, why: str = "") -> None:
        """Go on without ``field``."""
        self.ignored.append(f"{field} ({why})" if why else field)

    def refuse_if_strict(self, field: str, reason: str, remedy: str) -> None:
        """What the hosted service refuses.

        Raises:
            Refusal: on a strict server.
        """
        if self.strict:
            raise Refusal(field, reason, remedy)

    def decline(self, field: str, reason: str, remedy: str) -> None:
        """What the hosted service refuses, and a lenient server ignores.

        Raises:
            Refusal: on a strict server.
        """
        self.refuse_if_strict(field, reason, remedy)
        self.ignore(field, reason)


def given(message: Wire, names: Collection[str] = ()) -> Iterator[str]:
    """The members of ``message`` that its client gave, as they are spelled on the wire; only those of ``names``."""
    spelled = zip(message.__struct_fields__, message.__struct_encode_fields__, strict=True)
    return (
        wire_name
        for name, wire_name in spelled
        if (not names or name in names) and getattr(message, name) not in (None, False, "", [], UNSET)
    )
