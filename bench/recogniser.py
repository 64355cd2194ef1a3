"""The embedded recogniser: word error rates of both decoders and of the better reading, cost and latency.

    python bench/recogniser.py [--voice NAME ...] [--human FOLDER]

Speaks sentences with espeak-ng, and with flite where it is installed, and hears them as a session would: in frames
of 32 ms, with 300 ms of a quiet room before and 250 ms after. None of the sentences is in the list of everyday
phrases as it stands, except where the list has every value of a slot (such as a name). Synthetic voices flatter:
they are clean, close and even. ``--human`` takes a folder of 16 kHz WAV files, each with its text beside it (.txt).
"""

import argparse
import shutil
import subprocess
import time
import wave
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import soxr

from antiphon.engines.cascade.espeak.library import Espeak
from antiphon.engines.cascade.espeak.order import Delivery
from antiphon.engines.cascade.sphinx.decoders import Decoders
from antiphon.engines.cascade.sphinx.phrases import context_phrases, normalise

RATE = 16_000
INSTRUCTION = (
    "You are the voice assistant of a smart home. Help with lights, timers, alarms, music, messages, the weather, "
    "trains, restaurants and general questions. Rooms: living room, kitchen, bedroom, bathroom, hall. Turn on the "
    "lights in the kitchen. Dim the lights in the hall. Contacts: Alice, Robert, Michael, Maria, Doctor Smith. "
    "Cities: London, Paris, Berlin, New York, Tokyo, Madrid, Rome. Food: pizza, salad, mushrooms, pasta."
)
SETS = {
    "short": """stop / yes / no / hello / thank you / goodbye / forty two / friday / seven thirty / the third of march
        what is five plus three / my name is alice / what is my name / call me bob / what did i say
        turn on the lights in the kitchen / how much is twenty times four / how many feet are in a mile
        convert ten miles to kilometers / what day is it tomorrow / how many days until christmas
        what is one hundred and forty four divided by twelve / set a timer for ten minutes / repeat that please
        remember that my favorite color is green / a large pepperoni pizza please / two tickets to chicago
        no i said tuesday not thursday / play some jazz in the bathroom / is it cold in madrid
        december twenty fifth / what is thirty percent of two hundred / i live in boston / where do i live
        yes please do that / cancel my reservation for sunday""",
    "longer": """please call doctor robert smith at nine thirty / can you tell me a story about a dragon
        i would like to order two large pizzas with mushrooms / the meeting starts at three o'clock in room twelve
        could you speak a little more slowly please / tell me about the history of the roman empire
        book a table for six people on friday evening / send a message to michael and say that i am late
        how do i get from the station to the museum / dim the bedroom lights to fifty percent
        explain how a computer works to a five year old child / cancel the alarm and wake me up at seven
        my name is alice and i live in london / what are the three largest countries in the world
        remind me to buy milk and eggs on saturday / no i meant the green one not the blue one""",
    "other": """the committee decided to postpone the vote until the new budget is published
        scientists found a small crack in the ice below the research station
        he carried the heavy suitcase up the stairs and knocked on the wooden door
        most students prefer to study in the library because it is quiet
        the company reported higher profits than analysts had expected
        she grew up on a farm near the river with four brothers
        the old bridge was closed for repairs after the flood
        without a map we walked for hours through the forest""",
}
Speak = Callable[[str], np.ndarray]


def sentences(name: str) -> list[str]:
    """The sentences of a set."""
    lines = (line.split("/") for line in SETS[name].splitlines())
    return [sentence.strip() for line in lines for sentence in line]


def errors(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Words to substitute, insert or delete (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def words(text: str) -> list[str]:
    """Words to compare: contractions and spellings that sound alike count as equal."""
    text = " ".join(normalise(text))
    for one, other in (("what's", "what is"), ("dr ", "doctor "), ("i'm", "i am")):
        text = text.replace(one, other)
    return text.split()


def espeak(library: Espeak, delivery: Delivery, text: str) -> np.ndarray:
    """Speech of espeak-ng."""
    parts: list[bytes] = []
    library.synthesise(text, delivery, lambda pcm, _: parts.append(pcm) is None, end_pause=False)
    return soxr.resample(np.frombuffer(b"".join(parts), np.int16), library.sample_rate, RATE)


def flite(voice: str, text: str) -> np.ndarray:
    """Speech of flite."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "speech.wav")
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
        return read_wav(path)


def read_wav(path: Path) -> np.ndarray:
    """The sound of a WAV file at 16 kHz."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return samples if file.getframerate() == RATE else soxr.resample(samples, file.getframerate(), RATE)


def voices() -> dict[str, Speak]:
    """What can speak here."""
    library = Espeak()
    speakers: dict[str, Speak] = {
        name: partial(espeak, library, Delivery(f"en-us+{name}", 170, 50, 30, 100)) for name in ("klatt4", "edward")
    }
    if shutil.which("flite"):
        speakers |= {name: partial(flite, name) for name in ("rms", "slt", "awb")}
    return speakers


def in_a_room(speech: np.ndarray) -> bytes:
    """With a quiet room around it."""
    noise = np.random.default_rng(0).integers(-3, 4, len(speech) + int(0.55 * RATE))
    noise[int(0.3 * RATE) : int(0.3 * RATE) + len(speech)] += speech
    return noise.clip(-32_768, 32_767).astype("<i2").tobytes()


class Score:
    """One session: errors of the general decoder, of the application's and of the better reading, and their cost."""

    def __init__(self) -> None:
        self.wrong = [0, 0, 0]
        self.exact = [0, 0, 0]
        self.words = self.sentences = 0
        self.seconds = self.cpu = 0.0
        self.latencies: list[float] = []
        self.mean = ""

    def hear(self, decoders: Decoders, phrases: tuple[str, ...], text: str, pcm: bytes) -> None:
        """Recognise one sentence."""
        decoders.begin(phrases, self.mean)
        begin = time.process_time()
        for start in range(0, len(pcm), 1024):
            decoders.feed(pcm[start : start + 1024])
        self.cpu += time.process_time() - begin
        begin = time.perf_counter()
        best = decoders.read()
        self.mean = decoders.mean or self.mean
        self.latencies.append(1000 * (time.perf_counter() - begin))
        self.seconds += len(pcm) / 2 / RATE
        reference = words(text)
        self.words += len(reference)
        self.sentences += 1
        for index, heard in enumerate((*(reading for reading, *_ in decoders.readings), best)):
            wrong = errors(reference, words(heard))
            self.wrong[index] += wrong
            self.exact[index] += not wrong

    def row(self, name: str, voice: str) -> str:
        """One line of the table."""
        rates = "".join(f"{100 * wrong / self.words:9.1f}" for wrong in self.wrong)
        return (
            f"{name:8}{voice:10}{rates}{self.exact[2]:5d}/{self.sentences:<4d}{self.cpu / self.seconds:7.2f}"
            f"{median(self.latencies):9.0f}{max(self.latencies):7.0f}"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voice", nargs="*", help="only these voices")
    parser.add_argument("--human", type=Path, help="a folder of recordings and texts")
    options = parser.parse_args()
    decoders, phrases = Decoders(), context_phrases(INSTRUCTION, ()).phrases
    print(
        f"{'set':8}{'voice':10}{'general':>9}{'app':>9}{'dual':>9}{'exact':>10}{'RTF':>7}{'finish ms':>9}{'worst':>7}"
    )
    for voice, speak in voices().items():
        for name in SETS if not options.voice or voice in options.voice else ():
            score = Score()
            for text in sentences(name):
                score.hear(decoders, phrases, text, in_a_room(speak(text)))
            print(score.row(name, voice), flush=True)
    if options.human:
        score = Score()
        for path in sorted(options.human.glob("*.wav")):
            score.hear(decoders, phrases, path.with_suffix(".txt").read_text("utf-8"), read_wav(path).tobytes())
        print(score.row("human", "human"))


if __name__ == "__main__":
    main()
