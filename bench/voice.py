"""The embedded voice: time from a request to its first sound at the server's side, and cost per second of speech.

    python bench/voice.py [--workers N] [--repeat N]

Prints the median and the worst of the first-audio latency for one speaker and for several at once, and the
real-time factor (wall clock, and processor time of the children where psutil is installed).
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable

from antiphon.engines.cascade.espeak import PRESETS, EspeakVoice

SENTENCES = (
    "Sure, I can turn on the lights in the living room right now.",
    "The meeting starts at three o'clock in room four hundred and twelve.",
    "No, I meant the green one, not the blue one.",
)


async def speech(voice: EspeakVoice, text: str, name: str) -> tuple[float, float]:
    """Seconds until the first sound, and seconds of sound."""
    begin, first, samples = time.perf_counter(), 0.0, 0
    async for chunk in voice.speak(text, name):
        first = first or time.perf_counter() - begin
        samples += len(chunk.pcm) // 2
    return first, samples / 24_000


def children_seconds() -> Callable[[], float]:
    """A clock of the processor time of all child processes; stands still without psutil."""
    try:
        import psutil  # type: ignore[import-untyped]
    except ImportError:
        return lambda: 0.0
    me = psutil.Process()
    return lambda: sum(sum(child.cpu_times()[:2]) for child in me.children())


async def measure(voice: EspeakVoice, repeat: int, together: int) -> None:
    """Speak with every preset in turn, ``together`` speeches at a time, and print what it took."""
    names, clock = list(PRESETS), children_seconds()
    firsts, audio = [], 0.0
    begin, cpu = time.perf_counter(), clock()
    for number in range(repeat):
        speeches = (
            speech(voice, SENTENCES[(number + i) % len(SENTENCES)], names[(number + i) % len(names)])
            for i in range(together)
        )
        for first, seconds in await asyncio.gather(*speeches):
            firsts.append(first * 1000)
            audio += seconds
    wall, cpu = time.perf_counter() - begin, clock() - cpu
    print(
        f"{together:3d} at once: first audio {statistics.median(firsts):6.2f} ms median, {max(firsts):6.2f} worst;"
        f" {audio:7.1f} s of speech, RTF {wall / audio:.4f} wall, {cpu / audio:.4f} worker CPU"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=60)
    options = parser.parse_args()
    voice = EspeakVoice(options.workers)
    begin = time.perf_counter()
    await voice.start()
    print(f"start: {(time.perf_counter() - begin) * 1000:.0f} ms, {options.workers} worker(s)")
    for together in (1, 4, 16):
        await measure(voice, options.repeat, together)
    await voice.aclose()


if __name__ == "__main__":
    asyncio.run(main())
