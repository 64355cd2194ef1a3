"""``antiphon cost``: what something will cost, before it is done."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from antiphon.cli import cost_report, costing
from antiphon.cli.plot import svg
from antiphon.meter.presets import PRESETS
from antiphon.meter.simulation import Gates, ScenarioError

commands = typer.Typer(help="What something will cost, before it is done.", no_args_is_help=True)

Silences = Literal["free", "once", "kept"]


@commands.callback()
def _root() -> None:
    """What something will cost, before it is done."""


@commands.command()
def call(
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A model, or `provider/model`, or `local`; repeat it to compare.  [default: gemini-3.8-live]"
        ),
    ] = None,
    preset: Annotated[str, typer.Option(help=f"A kind of call to begin with: {', '.join(PRESETS)}.")] = "reference",
    minutes: Annotated[float | None, typer.Option(help="How long the call is.")] = None,
    turns: Annotated[int | None, typer.Option(help="How often the user speaks and the model answers.")] = None,
    user: Annotated[str | None, typer.Option(help="Speech of the user in a turn: seconds, or a share, `40%`.")] = None,
    answer: Annotated[str | None, typer.Option(help="Speech of the model in a turn: seconds, or a share.")] = None,
    setup: Annotated[int | None, typer.Option(help="Tokens of the system instruction and the tools.")] = None,
    video: Annotated[float | None, typer.Option(help="Frames of video a second; 0 for none.")] = None,
    coverage: Annotated[
        str | None, typer.Option(help="What belongs to a turn: `activity`, `all-video` or `all-input`.")
    ] = None,
    media_resolution: Annotated[str | None, typer.Option(help="How finely frames are seen: low, medium, high.")] = None,
    tokens_per_frame: Annotated[str | None, typer.Option(help="Tokens of a frame, where you know better.")] = None,
    silence: Annotated[
        Silences | None, typer.Option(help="What silence costs: nothing, once, or as long as it is kept.")
    ] = None,
    compress: Annotated[
        list[str] | None,
        typer.Option(help="Window compression: `none`, `default` or `TRIGGER:TARGET`; repeat it to compare."),
    ] = None,
    setup_counts: Annotated[bool, typer.Option(help="Whether the setup counts towards the trigger.")] = True,
    window: Annotated[int | None, typer.Option(help="Tokens that the model reads at most.")] = None,
    transcripts: Annotated[
        str | None, typer.Option(help="Whose speech is transcribed: none, user, model, both.")
    ] = None,
    transcript_rate: Annotated[int, typer.Option(help="Tokens of transcript for a minute of speech.")] = 200,
    thoughts: Annotated[int | None, typer.Option(help="Tokens that the model thinks for each answer.")] = None,
    tool_every: Annotated[
        int | None, typer.Option(help="Call a function in every so-manieth turn; 0 for never.")
    ] = None,
    tool_tokens: Annotated[
        str | None, typer.Option(help="Tokens of a function's call and of its result, `30:120`.")
    ] = None,
    search_every: Annotated[int | None, typer.Option(help="Search in every so-manieth turn; 0 for never.")] = None,
    queries: Annotated[int | None, typer.Option(help="Queries of one such turn.")] = None,
    free_searches: Annotated[int | None, typer.Option(help="Such turns that are still free this month.")] = None,
    cache: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the cache that is hit, where there is one.")
    ] = None,
    silence_gate: Annotated[bool, typer.Option("--silence-gate", help="Let this server keep silence back.")] = False,
    video_gate: Annotated[bool, typer.Option("--video-gate", help="Let this server keep idle video back.")] = False,
    gate_margin: Annotated[float, typer.Option(min=0, help="Seconds that gates let pass in each turn.")] = 1.0,
    plot: Annotated[bool, typer.Option(help="Draw the bill as it grows.")] = True,
    svg_file: Annotated[Path | None, typer.Option("--svg", help="Draw it into this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a row for each generation.")] = False,
) -> None:
    """Simulate a live session, turn by turn, and say what it would cost.

    Every answer reads the whole conversation again; that, and what compression, video and functions make of it, is
    counted as the services count it. Options that are left out follow the preset and the rules of each model.

    Examples:

    * `antiphon cost call --minutes 10 --turns 30`
    * `antiphon cost call --preset camera --coverage activity`
    * `antiphon cost call --preset tutor --compress none --compress 25000:8000 --compress 8000:4000`
    * `antiphon cost call --preset support-call --model gemini-3.8-live --model gpt-realtime-mini --model local`
    """
    fields = {
        "setup": setup,
        "frames_per_second": video,
        "thoughts": thoughts,
        "tool_every": tool_every,
        "search_every": search_every,
        "queries": queries,
        "free_searches": free_searches,
    }
    if tool_tokens is not None:
        fields["call_tokens"], fields["result_tokens"] = costing.pair("tool tokens", tool_tokens)
    wish = costing.Wish(
        models=tuple(model or ("gemini-3.8-live",)),
        preset=preset,
        minutes=minutes,
        turns=turns,
        user=None if user is None else costing.speech("user", user),
        model=None if answer is None else costing.speech("answer", answer),
        call={name: value for name, value in fields.items() if value is not None},
        transcripts=transcripts,
        transcript_rate=transcript_rate,
        compress=tuple(compress or ()),
        setup_counts=setup_counts,
        coverage=coverage,
        silence=silence,
        gates=Gates(silence_gate, video_gate, gate_margin),
        media_resolution=media_resolution,
        frame_tokens=None if tokens_per_frame is None else costing.tokens("tokens per frame", tokens_per_frame),
        cache=cache,
        window=window,
    )
    quotes = costing.quotes(wish)
    if svg_file is not None:
        _draw(quotes, svg_file)
    if as_json:
        typer.echo(cost_report.as_json(quotes))
    elif as_csv:
        typer.echo(cost_report.as_csv(quotes), nl=False)
    else:
        cost_report.render(quotes, Console(emoji=False), plot)


def _draw(quotes: list[costing.Quote], file: Path) -> None:
    lines = cost_report.plot_lines(quotes)
    if not lines:
        raise ScenarioError(f"svg {file}: no price is known and more than nothing, so there is nothing to draw")
    seconds = quotes[0].forecast.session.call.seconds
    try:
        file.write_text(svg(lines, f"The bill of a call of {seconds / 60:g} minutes"), encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"svg {file}: cannot be written ({error.strerror})") from error
