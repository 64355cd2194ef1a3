"""What an engine can do, as far as a conversation has to know."""

from msgspec import Struct


class Abilities(Struct, frozen=True):
    """What an engine can do; a setup may ask for no more than its model profile and these allow.

    ``images`` engines look at pictures while they come (:class:`~antiphon.live.events.Image`); all engines find them in
    the history. ``continues`` ones can go on with an answer that was interrupted
    (:class:`~antiphon.live.events.Continue`). ``searches`` ones answer ``googleSearch`` with grounding. ``thinks`` ones
    have a use for the client's thinking settings.

    ``takes_turns`` engines decide themselves when to answer and when they are interrupted: they get the client's
    content as it comes and tell when a generation starts. All others answer when they are told to. ``paces`` ones say
    as well when a turn is over in the user's ear (:class:`~antiphon.live.events.TurnComplete`). ``relays`` ones can
    pass the client's own frames on.
    """

    name: str
    modalities: frozenset[str] = frozenset({"audio", "text"})
    images: bool = False
    tools: bool = True
    continues: bool = False
    searches: bool = False
    thinks: bool = False
    takes_turns: bool = False
    paces: bool = False
    relays: bool = False
