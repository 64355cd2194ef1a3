"""The profiles as a page for people: every fact with its source and date, and what is uncertain."""

from collections.abc import Iterator
from typing import Any

from antiphon.live.profiles import ALIASES, FACTS, SOURCES, Fact

LABELS = {
    "display_name": "name",
    "generation": "generation",
    "status": "status",
    "successor": "successor",
    "input_token_limit": "input tokens",
    "output_token_limit": "output tokens",
    "modalities": "answers in",
    "thinking_control": "thinking is set by",
    "thinking_levels": "thinking levels",
    "default_thinking_level": "default level",
    "many_parts": "several kinds of content in one event",
    "interaction_status": "`interactionStatus`",
    "content_mid_session": "`clientContent` all session long",
    "roles_required": "turns need a `role`",
    "collects_initial_history": "`historyConfig`",
    "default_coverage": "default `turnCoverage`",
    "default_blocking": "functions block by default",
    "allows_blocking": "`BLOCKING` functions",
    "allows_non_blocking": "`NON_BLOCKING` functions",
    "scheduling": "`scheduling` of their answers",
    "input_cancels_blocking_calls": "new input cancels a blocking call",
    "interrupt_waits_for_user": "`INTERRUPT` lets the user finish",
    "proactive_audio": "proactive audio",
    "affective_dialog": "affective dialog",
    "audio_cap": "session with audio only",
    "video_cap": "session with video",
    "connection_cap": "one connection",
}
"""What each fact is called, in the order of the page."""

_WORDS = {
    "activity": "`ONLY_ACTIVITY`",
    "activity_and_all_video": "`AUDIO_ACTIVITY_AND_ALL_VIDEO`",
    "opt_in": "opt-in",
    "budget": "`thinkingBudget`",
    "level": "`thinkingLevel`",
    "": "–",
}
_NUMBERS = {source: number for number, source in enumerate(SOURCES, 1)}

_INTRODUCTION = """\
# Models

What the models of the Live API permit and do, as this server follows them. `GET /v1/models` lists them. Small print is
the number of the [source](#sources) and when it said so. A setting that a model does not have is ignored, and named in
the log; with `strict` it is refused.

The data is `src/antiphon/live/profiles/models.toml`; this page is made from it.
"""


def page() -> str:
    """The whole page, in Markdown."""
    sections = (_INTRODUCTION, _table(), _uncertain(), _aliases(), _sources())
    return "\n".join(sections)


def _table() -> str:
    lines = [_row("", *(f"`{model}`" for model in FACTS)), _row(*["---"] * (len(FACTS) + 1))]
    lines += [_row(label, *(_cell(name, facts[name]) for facts in FACTS.values())) for name, label in LABELS.items()]
    return "".join(lines)


def _uncertain() -> str:
    lines = (f"- {label}{where}: {note}\n" for name, label in LABELS.items() for note, where in _notes(name))
    return "## What is uncertain, or needs a word\n\n" + "".join(lines)


def _notes(name: str) -> Iterator[tuple[str, str]]:
    """Each note on a fact, and the models it is about; none are named where it is about all."""
    notes = [facts[name].note for facts in FACTS.values()]
    for note in dict.fromkeys(filter(None, notes)):
        models = [f"`{model}`" for model, facts in FACTS.items() if facts[name].note == note]
        yield note, "" if len(models) == len(FACTS) else f", {' and '.join(models)}"


def _aliases() -> str:
    lines = [_row("name", "served as", "why"), _row("---", "---", "---")]
    lines += [
        _row(f"`{name}`", f"`{alias.model}`", f"{alias.why} {_origin(alias.source, alias.date)}")
        for name, alias in ALIASES.items()
    ]
    introduction = "Names that clients still use. A strict server refuses those that were shut down.\n\n"
    return "## Other names\n\n" + introduction + "".join(lines)


def _sources() -> str:
    return "## Sources\n\n" + "".join(_listed())


def _listed() -> Iterator[str]:
    for number, source in enumerate(SOURCES.values(), 1):
        title = f"[{source.title}]({source.url})" if source.url else source.title
        yield f"{number}. {title} ({source.kind})\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _cell(name: str, fact: Fact) -> str:
    return f"{_value(name, fact.value)} {_origin(fact.source, fact.date)}"


def _origin(source: str, date: str) -> str:
    return f"<sub>{_NUMBERS[source]}, {date}</sub>"


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "generation":
        return ".".join(map(str, value))
    if isinstance(value, list):
        return ", ".join(value) or _WORDS[""]
    if isinstance(value, int):
        return f"{value:,} s" if name.endswith("_cap") else f"{value:,}"
    return _WORDS.get(value, str(value))
