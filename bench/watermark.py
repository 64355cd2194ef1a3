"""The watermark: how often it is found after what happens to sound, how often where there is none, what it changes.

    python -m bench.watermark [--voices N] [--clips N] [--lengths S ...] [--unmarked N] [--workers N]

All speech is of the embedded voice. Docs: docs/watermark.md.
"""

import argparse
import asyncio
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
from msgspec import Struct
from rich.console import Console

from antiphon.audio.watermark import DEFAULT_KEY, Detection, Embedder, detect, embed
from antiphon.engines.cascade.espeak import PRESETS, EspeakVoice
from bench import masking
from bench.attacks import RATE, Attack, Samples, attacks, rounded
from bench.report import Table

TEXT = (
    "The museum opens at ten, and the last tour begins shortly after four in the afternoon. "
    "If you would rather walk, follow the river until you see an old stone bridge. "
    "I have moved your appointment to Thursday, because Wednesday was already full. "
    "Bread needs only four things: flour, water, salt, and a good deal of patience. "
    "Would you like me to read the whole letter, or is a summary enough? "
    "Jupiter is so large that every other planet would fit inside it, with room to spare. "
    "Please check that the valve is closed before you switch the heating on again. "
    "Sorry, I did not quite get that; did you say fifteen or fifty? "
)
LANGUAGES = ("en-US", "en-GB", "de-DE", "fr-FR", "es-ES", "it-IT", "pt-BR", "nl-NL", "pl-PL", "sv-SE")
"""How the English text is read: for unmarked speech of many sounds."""

SECONDS = 34
"""Of each track."""

UNMARKED_SECONDS = 8
CHUNK = 2 * RATE // 50


class Task(Struct):
    """A sound to make and to look at. ``key`` None: it is not marked. ``attack`` None: nothing happens to it."""

    group: str
    samples: Samples
    seed: int
    key: str | None = None
    attack: str | None = None
    speeds: tuple[float, ...] = (1.0,)


async def tracks(names: Sequence[str], languages: Sequence[str]) -> list[Samples]:
    """The text, from another place each time, in all voices and languages; the languages of a voice in a row."""
    voice = EspeakVoice()
    await voice.start()
    try:
        wanted = enumerate(itertools.product(names, languages))
        return [await _track(voice, number, name, language) for number, (name, language) in wanted]
    finally:
        await voice.aclose()


async def _track(voice: EspeakVoice, number: int, name: str, language: str) -> Samples:
    sentences = TEXT.split(". ")
    turned = ". ".join(sentences[number % len(sentences) :] + sentences[: number % len(sentences)])
    pcm = bytearray()
    while len(pcm) < 2 * RATE * SECONDS:
        async for chunk in voice.speak(turned, name, language):
            pcm += chunk.pcm
    return np.frombuffer(bytes(pcm[: 2 * RATE * SECONDS]), "<i2")


@cache
def _attacks() -> dict[str, Attack]:
    (other,) = asyncio.run(tracks(["Kore"], ["en-GB"]))
    return attacks(other)


def perform(task: Task) -> tuple[str, Detection]:
    """Mark, attack, detect."""
    random = np.random.default_rng(task.seed)
    samples, rate = task.samples, RATE
    if task.key is not None:
        samples = np.frombuffer(embed(samples.astype("<i2").tobytes(), task.key), "<i2")
    if task.attack is not None:
        samples, rate = _attacks()[task.attack](samples, random)
    return task.group, detect(samples, rate, DEFAULT_KEY, task.speeds)


def clips(track: Samples, seconds: float, count: int) -> Iterator[Samples]:
    """``count`` pieces that begin at different places."""
    length = int(seconds * RATE)
    for begin in np.linspace(0, len(track) - length, count + 1)[:-1]:
        yield track[int(begin) : int(begin) + length]


def marked_tasks(speech: Sequence[Samples], lengths: Sequence[float], count: int) -> Iterator[Task]:
    """Marked speech, by attack and length."""
    around = tuple(1 + step / 500 for step in range(-10, 11))
    wanted = [(name, name, (1.0,)) for name in _attacks()] + [("1 % too fast, --speed 2", "1 % too fast", around)]
    for row, attack, speeds in wanted:
        for seconds in lengths:
            for number, clip in enumerate(piece for track in speech for piece in clips(track, seconds, count)):
                yield Task(f"{row}|{seconds:g}", clip, number, DEFAULT_KEY, attack, speeds)


def unmarked_tasks(speech: Sequence[Samples], count: int) -> Iterator[Task]:
    """Speech as it is and after a codec, speech with the mark of another key, noise, tones."""
    length = UNMARKED_SECONDS * RATE
    pieces = [track[i : i + length] for track in speech for i in range(0, len(track) - length + 1, length)][:count]
    for number, clip in enumerate(pieces):
        yield Task("speech", clip, number)
        yield Task("speech with the mark of another key", clip, number, f"key {number}")
        if number % 4 == 0:
            yield Task("speech, Opus 24 kb/s", clip, number, None, "Opus 24 kb/s")
            yield Task("noise, white to brown", _noise(np.random.default_rng(number)), number)
            yield Task("tones and chords", _chords(np.random.default_rng(number)), number)


def _noise(random: np.random.Generator) -> Samples:
    """With a spectrum that falls by 0 to 6 dB an octave."""
    length = UNMARKED_SECONDS * RATE
    spectrum = np.fft.rfft(random.standard_normal(length))
    spectrum *= np.arange(1, len(spectrum) + 1) ** -random.uniform(0, 1)
    sound = np.fft.irfft(spectrum, length)
    return rounded(sound * 3000 / sound.std())


def _chords(random: np.random.Generator) -> Samples:
    """Three notes with overtones at a time, struck at a steady beat."""
    beat = RATE * 60 // int(random.integers(60, 240))
    time_ = np.arange(beat) / RATE
    bars = []
    for _ in range(UNMARKED_SECONDS * RATE // beat + 1):
        notes = 110 * 2 ** (random.integers(0, 36, 3) / 12)
        tones = sum(np.sin(2 * np.pi * note * n * time_) / n for note in notes for n in range(1, 12))
        bars.append(tones * np.exp(-time_ * random.uniform(0, 6)))
    return rounded(np.concatenate(bars)[: UNMARKED_SECONDS * RATE] * 2000)


def detection_table(found: dict[str, list[Detection]], lengths: Sequence[float]) -> Table:
    """Detected, and the mean score, by attack and length."""
    columns = ("what happened to it", *(f"{seconds:g} s" for seconds in lengths))
    rows = list(dict.fromkeys(group.partition("|")[0] for group in found))
    table = Table("Marked speech that is called marked (mean score)", columns)
    for row in rows:
        table.rows.append((row, *(_rate(found[f"{row}|{seconds:g}"]) for seconds in lengths)))
    counts = {len(detections) for detections in found.values()}
    limits = [f"{found[f'{rows[0]}|{seconds:g}'][0].threshold:.2f}" for seconds in lengths]
    table.notes.append(f"clips in a cell: {', '.join(map(str, sorted(counts)))}; thresholds: {', '.join(limits)}")
    return table


def _rate(detections: Sequence[Detection]) -> str:
    marked = sum(detection.verdict == "marked" for detection in detections)
    score = np.mean([detection.score for detection in detections])
    return f"{100 * marked / len(detections):.0f} % ({score:.1f})"


def unmarked_table(found: dict[str, list[Detection]]) -> Table:
    """False alarms by kind of sound."""
    table = Table("Sound without the mark", ("sound", "clips of 8 s", "called marked", "median score", "highest score"))
    for group, detections in found.items():
        scores = [detection.score for detection in detections]
        wrong = sum(detection.verdict == "marked" for detection in detections)
        table.rows.append((group, len(scores), wrong, float(np.median(scores)), max(scores)))
    everything = [detection for detections in found.values() for detection in detections]
    wrong = sum(detection.verdict == "marked" for detection in everything)
    table.notes.append(f"{wrong} of {len(everything)}; the threshold is {everything[0].threshold:.2f}")
    return table


def audibility_table(speech: Sequence[Samples]) -> Table:
    """What the mark changes."""
    octaves = (f"{centre} Hz" for centre in masking.OCTAVES)
    table = Table("Speech to mark, in dB, by octave", ("voices", "all", *octaves))
    values, excess = [], []
    for track in speech:
        original = track.astype(float)
        changed = np.frombuffer(embed(track.astype("<i2").tobytes()), "<i2").astype(float)
        values.append([masking.snr(original, changed), *masking.octave_snrs(original, changed, RATE)])
        excess.append(masking.above_masking(original, changed, RATE))
    for name, figures in (("mean", np.mean(values, axis=0)), ("lowest", np.min(values, axis=0))):
        table.rows.append((name, *(f"{value:.1f}" for value in figures)))
    parts = np.concatenate(excess)
    table.notes.append(
        f"model of masking: {100 * np.mean(parts > 0):.1f} % of critical bands x frames are above what speech masks,"
        f" {100 * np.mean(parts > 3):.1f} % by more than 3 dB, {100 * np.mean(parts > 6):.1f} % by more than 6 dB"
    )
    return table


def cost_table(track: Samples) -> Table:
    """Processor time of both sides."""
    pcm, embedder, seconds = track.astype("<i2").tobytes(), Embedder(), len(track) / RATE
    begin = time.process_time()
    for position in range(0, len(pcm), CHUNK):
        embedder.feed(pcm[position : position + CHUNK])
    chunks = time.process_time() - begin
    begin = time.process_time()
    embed(pcm)
    whole = time.process_time() - begin
    begin = time.process_time()
    detect(track, RATE)
    found = time.process_time() - begin
    table = Table("Processor time", ("what", "of real time", "us per 20 ms"))
    for name, spent in (("embed, chunks of 20 ms", chunks), ("embed, all at once", whole), ("detect", found)):
        table.rows.append((name, f"{100 * spent / seconds:.2f} %", spent / seconds * 20_000))
    return table


def gather(tasks: Iterator[Task], workers: int) -> dict[str, list[Detection]]:
    """What was found, by group."""
    found: dict[str, list[Detection]] = {}
    with ProcessPoolExecutor(workers) as pool:
        for group, detection in pool.map(perform, tasks, chunksize=8):
            found.setdefault(group, []).append(detection)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=int, default=len(PRESETS))
    parser.add_argument("--clips", type=int, default=2, help="of each voice, for each length")
    parser.add_argument("--lengths", type=float, nargs="+", default=[4, 6, 8, 15], help="of marked clips, seconds")
    parser.add_argument("--unmarked", type=int, default=1200, help="unmarked clips of speech")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    names = list(PRESETS)[: options.voices]
    speech = asyncio.run(tracks(names, ["en-US"]))
    console = Console(width=132)
    cost_table(speech[0]).show(console)
    audibility_table(speech).show(console)
    marked = gather(marked_tasks(speech, options.lengths, options.clips), options.workers)
    detection_table(marked, options.lengths).show(console)
    many = asyncio.run(tracks(names, LANGUAGES))
    unmarked_table(gather(unmarked_tasks(many, options.unmarked), options.workers)).show(console)


if __name__ == "__main__":
    main()
