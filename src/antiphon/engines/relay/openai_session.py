"""The session that an OpenAI Realtime upstream gets: what the client agreed on, in the upstream's terms.

What has no equal there: ``topP``, ``topK``, ``seed``, thinking budgets, affective dialogue, proactive audio, search and
context compression are left out. A temperature is known to the beta alone, within 0.6 to 1.2; answers have at most
4,096 tokens.
"""

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from antiphon.engines.cascade.voices.names import choose_by_gender
from antiphon.engines.relay.openai_config import OpenAIRealtimeConfig
from antiphon.engines.relay.openai_items import told_in_words
from antiphon.live.history import History
from antiphon.live.setup import Setup, Tool
from antiphon.wire.openai import realtime as wire

FEMALE: Final = ("coral", "marin", "sage", "shimmer")
MALE: Final = ("ash", "ballad", "cedar", "echo", "verse")
"""The service's voices by how they sound; ``alloy``, which is neither, speaks for those who name it."""
BETA_FEMALE: Final = ("coral", "sage", "shimmer")
BETA_MALE: Final = ("ash", "ballad", "echo", "verse")
MAX_OUTPUT_TOKENS: Final = 4_096
_EFFORTS: Final = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high"}
_NO_PARAMETERS: Final = {"type": "object", "properties": {}}


def session(config: OpenAIRealtimeConfig, setup: Setup, history: History = ()) -> dict[str, Any]:
    """The whole session; ``history`` is told in its instruction."""
    instruction = instructions(setup, history)
    build = _beta if config.speaks.beta else _released
    spelled: dict[str, Any] = _laid_over(msgspec.to_builtins(build(config, setup, instruction)), config.session)
    return spelled


def changes(config: OpenAIRealtimeConfig, setup: Setup, history: History = ()) -> dict[str, Any]:
    """The part of a session that may change while it lasts."""
    tools, instruction = _tools(config, setup), instructions(setup, history)
    if config.speaks.beta:
        changed: Any = wire.BetaSession(instructions=instruction, tools=tools)
    else:
        changed = wire.Session(type="realtime", instructions=instruction, tools=tools)
    spelled: dict[str, Any] = msgspec.to_builtins(changed)
    return spelled


def instructions(setup: Setup, history: History) -> str:
    """The instruction, with what was said before for servers that take it in no other way."""
    return "\n\n".join(filter(None, (setup.system_instruction, told_in_words(history) if history else "")))


def voice(config: OpenAIRealtimeConfig, setup: Setup) -> str:
    """The upstream's voice for the one that the client names; empty leaves it to the upstream."""
    if config.voice:
        return config.voice
    if not setup.voice:
        return config.voices.get("", "")
    own = {name.casefold(): called for name, called in config.voices.items()}
    if (called := own.get(setup.voice.casefold())) is not None:
        return called
    if not config.hosted:
        # Other servers have voices of their own.
        return config.voices.get("", "")
    if setup.voice.casefold() == "alloy":
        return "alloy"
    female, male = (BETA_FEMALE, BETA_MALE) if config.speaks.beta else (FEMALE, MALE)
    return choose_by_gender(setup.voice, female, male)


def _released(config: OpenAIRealtimeConfig, setup: Setup, instruction: str) -> wire.Session:
    dialect = config.speaks
    sound_in = wire.Format(type="audio/pcm", rate=dialect.input_rate) if dialect.formats else UNSET
    sound_out = wire.Format(type="audio/pcm", rate=dialect.output_rate) if dialect.formats else UNSET
    effort = _EFFORTS.get(setup.thinking.level, "") if config.thinks else ""
    return wire.Session(
        type="realtime",
        instructions=instruction or UNSET,
        output_modalities=[setup.modality],
        audio=wire.Audio(
            input=wire.AudioInput(
                format=sound_in,
                transcription=_transcription(config, setup),
                turn_detection=detection(config, setup),
            ),
            output=wire.AudioOutput(format=sound_out, voice=voice(config, setup)),
        ),
        tools=_tools(config, setup) or UNSET,
        max_output_tokens=_limit(setup),
        reasoning=wire.Reasoning(effort=effort) if effort else UNSET,
    )


def _beta(config: OpenAIRealtimeConfig, setup: Setup, instruction: str) -> wire.BetaSession:
    sound = "pcm16" if config.speaks.formats else ""
    temperature = None if setup.temperature is None else min(max(setup.temperature, 0.6), 1.2)
    return wire.BetaSession(
        instructions=instruction or UNSET,
        modalities=["text"] if setup.modality == "text" else ["text", "audio"],
        voice=voice(config, setup),
        input_audio_format=sound,
        output_audio_format=sound,
        input_audio_transcription=_transcription(config, setup),
        turn_detection=detection(config, setup),
        tools=_tools(config, setup) or UNSET,
        temperature=temperature,
        max_response_output_tokens=_limit(setup),
    )


def detection(config: OpenAIRealtimeConfig, setup: Setup) -> wire.TurnDetection | UnsetType | None:
    """How the upstream finds the user's turns; None where the client marks them, or they are found here."""
    wanted = setup.detection
    if not wanted.automatic or not config.speaks.detects:
        return None
    if config.semantic:
        eagerness = "low" if wanted.end_sensitivity == "low" else "auto"
        return wire.TurnDetection(
            type="semantic_vad", eagerness=eagerness, create_response=True, interrupt_response=setup.interruptible
        )
    return wire.TurnDetection(
        type="server_vad",
        threshold=config.low_threshold if wanted.start_sensitivity == "low" else config.threshold,
        prefix_padding_ms=wanted.prefix_padding_ms if config.speaks.pads else None,
        silence_duration_ms=silence_ms(config, setup),
        create_response=True,
        interrupt_response=setup.interruptible,
    )


def silence_ms(config: OpenAIRealtimeConfig, setup: Setup) -> int:
    """How long a silence ends the user's turn."""
    if setup.detection.silence_ms is not None:
        return setup.detection.silence_ms
    return config.low_silence_ms if setup.detection.end_sensitivity == "low" else config.silence_ms


def _transcription(config: OpenAIRealtimeConfig, setup: Setup) -> wire.Transcription | UnsetType:
    if not config.scribe or not config.speaks.transcribes:
        return UNSET
    language = config.language or setup.language.split("-")[0].lower()
    return wire.Transcription(model=config.scribe, language=language)


def _tools(config: OpenAIRealtimeConfig, setup: Setup) -> list[wire.Tool]:
    return [_tool(tool) for tool in setup.tools] if config.speaks.calls else []


def _tool(tool: Tool) -> wire.Tool:
    parameters = tool.parameters or _NO_PARAMETERS
    return wire.Tool(type="function", name=tool.name, description=tool.description, parameters=parameters)


def _limit(setup: Setup) -> int | None:
    return None if setup.max_output_tokens is None else min(setup.max_output_tokens, MAX_OUTPUT_TOKENS)


def _laid_over(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {name: _laid_over(below.get(name), value) for name, value in above.items()}
