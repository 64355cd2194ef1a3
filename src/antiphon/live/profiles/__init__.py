"""What a model id permits, as data: one record per model, with the source and the date of every fact.

The data is ``models.toml`` beside this file; ``docs/models.md`` shows it as a table.
"""

from antiphon.live.profiles.facts import Alias, Fact, Source, read
from antiphon.live.profiles.profile import Coverage, Profile

__all__ = ["ALIASES", "FACTS", "PROFILES", "SOURCES", "Alias", "Coverage", "Fact", "Profile", "Source", "alias", "find"]

SOURCES, FACTS, ALIASES = read()

PROFILES: dict[str, Profile] = {name: Profile.of(name, facts) for name, facts in FACTS.items()}
"""Every model that is served, oldest first."""


def find(name: str) -> Profile | None:
    """The profile for a model name as clients send it: bare, or with a ``models/`` or publisher path."""
    other = alias(name)
    return PROFILES.get(other.model if other else _bare(name))


def alias(name: str) -> Alias | None:
    """What a model name stands for, when it is not the id of a profile itself."""
    return ALIASES.get(_bare(name))


def _bare(name: str) -> str:
    return name.rsplit("/", 1)[-1]
