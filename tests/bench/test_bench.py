"""Every benchmark runs, at tiny sizes, and measures what it says. No test here looks at how long something took."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.__main__ import MEASURES
from bench.child import Census, Holdings
from bench.floor import FloorSession, hear
from bench.load import Frame, Opcode, chunks, framed, message, noise
from bench.report import figure, percentile
from bench.sessions import ProbeSound, cores
from bench.soak import MORE_OBJECTS, SAMPLES, SLACK, Sample, manners
from bench.spoken import sentence

from antiphon.audio.frames import FRAME_BYTES, RATE
from antiphon.audio.vad import load_vad
from antiphon.testing import SPOKEN

ROOT = Path(__file__).parents[2]
CALLS = ("brisk", "usual", "idle")
TIMEOUT = 240.0
"""Far longer than any of it takes: a benchmark that hangs is to end, not one on a busy machine."""
SIZES = {
    "input_path": "--sessions 2 --rounds 1 --seconds 0.2",
    "sessions": "--sessions 2 --seconds 1.5 --chunks 20",
    "floor": "--sessions 8 --seconds 1 --chunks 20",
    "latency": "--sessions 1 --rounds 1",
    "interruption": "--rounds 1",
    "chaos": "--sessions 4 --rounds 1",
    "gates": "",
    "metering": "--rounds 7 --seconds 0.01",
    "observing": "--rounds 7",
    "relay": "--sessions 2 --seconds 0.3 --rounds 1",
    "memory": "--sessions 2 --seconds 0.3",
    "soak": "--sessions 2 --minutes 0.1",
}


def start(*arguments: str) -> subprocess.Popen[str]:
    """``python -m bench``."""
    command = (sys.executable, "-m", "bench", *arguments)
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def tables() -> dict[str, dict[str, Any]]:
    """All tables; the benchmarks run side by side, for nobody looks at their times."""
    running = {name: start(name, *SIZES[name].split(), "--json") for name in MEASURES}
    found = {}
    for name, process in running.items():
        output, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, errors
        found[name] = json.loads(output)["tables"][name]
    return found


def column(table: dict[str, Any], name: str) -> list[Any]:
    """The cells of a column."""
    return [row[table["columns"].index(name)] for row in table["rows"]]


@pytest.mark.slow
class TestEveryBenchmark:
    def test_its_rows_fit_its_columns(self, tables: dict[str, dict[str, Any]]) -> None:
        for table in tables.values():
            assert table["rows"]
            assert {len(row) for row in table["rows"]} == {len(table["columns"])}

    def test_input_path_compares_with_the_floor_at_both_rates(self, tables: dict[str, dict[str, Any]]) -> None:
        table = tables["input_path"]
        assert column(table, "rate") == ["16 kHz", "48 kHz"]
        for ours, floor, ratio in zip(*(column(table, name) for name in ("in all", "floor", "ratio")), strict=True):
            assert ratio == pytest.approx(ours / floor)

    def test_every_turn_of_the_probes_is_answered(self, tables: dict[str, dict[str, Any]]) -> None:
        table = tables["sessions"]
        assert column(table, "sessions") == [1, 2]
        assert column(table, "lost") == ["0 of 1", "0 of 2"]
        assert all(delay > 0 for delay in column(table, "delay p50"))

    def test_metering_is_measured_by_frame_by_generation_and_by_window(self, tables: dict[str, dict[str, Any]]) -> None:
        table = tables["metering"]
        assert column(table, "what") == ["frame of 20 ms", "generation", "window"]
        for without, metered, more in zip(*(column(table, name) for name in table["columns"][1:4]), strict=True):
            assert more == pytest.approx(metered - without)
        assert column(table, "with")[1] > column(table, "without")[1], "a generation is priced"

    def test_looking_on_is_measured_with_and_without_a_recording(self, tables: dict[str, dict[str, Any]]) -> None:
        added = column(tables["observing"], "added µs")
        assert len(added) == 4
        assert max(added) < 50, "microseconds, on whatever machine"

    def test_a_relay_is_measured_beside_two_sockets(self, tables: dict[str, dict[str, Any]]) -> None:
        table = tables["relay"]
        assert column(table, "over")[:3] == ["the upstream itself", "two sockets", "Antiphon"]
        assert all(delay > 0 for delay in column(table, "p50 ms"))

    def test_the_floor_is_measured_alone(self, tables: dict[str, dict[str, Any]]) -> None:
        assert column(tables["floor"], "sessions") == [8]
        assert column(tables["floor"], "us/session s")[0] > 0

    def test_latency_is_measured_at_both_windows(self, tables: dict[str, dict[str, Any]]) -> None:
        table = tables["latency"]
        assert [row[:2] for row in table["rows"]] == [
            ["500 ms, first turns", "1 of 1"],
            ["500 ms, later turns", "0 of 0"],
            ["300 ms, first turns", "1 of 1"],
            ["300 ms, later turns", "0 of 0"],
        ]

    def test_an_interrupted_answer_stops(self, tables: dict[str, dict[str, Any]]) -> None:
        table = tables["interruption"]
        assert column(table, "times") == [1, 1]
        assert all(cell.endswith(" frames") for cell in column(table, "audio after onset"))

    def test_what_chaos_does_to_calls_is_counted_beside_what_it_should_be(
        self, tables: dict[str, dict[str, Any]]
    ) -> None:
        table = tables["chaos"]
        seen = dict(zip(column(table, "what"), column(table, "seen"), strict=True))
        wanted = dict(zip(column(table, "what"), column(table, "should be"), strict=True))
        exact = {what: count for what, count in wanted.items() if not isinstance(count, str)}
        assert {what: seen[what] for what in exact} == exact
        assert seen["turns that were answered"] > 0

    def test_gates_save_most_of_the_call_that_is_idle_most(self, tables: dict[str, dict[str, Any]]) -> None:
        rows = tables["gates"]["rows"]
        saved = [float(cell.split()[0]) for cell in column(tables["gates"], "saved")]
        by_call = {call: [s for row, s in zip(rows, saved, strict=True) if row[0].startswith(call)] for call in CALLS}
        assert max(by_call["brisk"]) < min(by_call["usual"]) <= max(by_call["usual"]) < min(by_call["idle"])

    def test_memory_is_measured_for_three_crowds(self, tables: dict[str, dict[str, Any]]) -> None:
        assert column(tables["memory"], "sessions") == [0, *(3 * [2, 2, 0])]
        assert min(column(tables["memory"], "resident MB")) > 10

    def test_a_soak_counts_all_along_and_finds_nothing_left_behind(self, tables: dict[str, dict[str, Any]]) -> None:
        table = tables["soak"]
        moments = column(table, "moment")
        assert (moments[0], moments[-1]) == ("before", "after")
        assert len(moments) == SAMPLES + 1
        assert max(column(table, "sessions")) > 0
        assert min(column(table, "objects")) > 10_000
        assert table["ok"]
        assert "nothing left behind" in table["notes"]


def test_benchmarks_are_listed() -> None:
    output, errors = start("--list").communicate(timeout=TIMEOUT)
    assert not errors
    assert {line.split()[0] for line in output.splitlines()} >= {*MEASURES, "wire", "ears", "voice", "recogniser"}


def test_an_unknown_benchmark_is_named() -> None:
    process = start("wires")
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert "no benchmark wires" in errors


def test_the_floor_hears_what_was_sent() -> None:
    vad = load_vad().vad
    session = FloorSession(vad.state())
    pcm = SPOKEN["what_is_two_plus_three"].pcm
    for chunk in chunks(pcm, 20):
        session.take(message(chunk))
    assert bytes(session.buffer) == pcm[: len(session.buffer)]
    frames = len(session.buffer) // FRAME_BYTES
    assert sum(hear(vad, [session]) for _ in range(frames + 5)) == frames
    assert session.voiced > frames // 2


def test_the_floor_resamples() -> None:
    session = FloorSession(load_vad().vad.state(), 48_000)
    for chunk in chunks(noise(1.0, 48_000), 20, 48_000):
        session.take(message(chunk, 48_000))
    assert 0.9 * 2 * RATE < len(session.buffer) <= 2 * RATE


def test_chunks_are_whole() -> None:
    assert [len(chunk) for chunk in chunks(bytes(2 * RATE), 40)] == 25 * [1280]
    assert chunks(bytes(639), 20) == []


def test_frames_are_masked_as_a_clients_must_be() -> None:
    frame = framed("x" * 1000)
    assert frame[:2] == bytes([0x80 | Opcode.TEXT, 0x80 | 126])
    assert len(frame) == 1000 + 2 + 2 + 4
    assert framed("abc") != Frame(Opcode.TEXT, b"abc").serialize(mask=False)


def test_a_probe_knows_which_chunks_end_its_turns() -> None:
    short, long = (ProbeSound(chunk_ms, 6.0) for chunk_ms in (20, 100))
    assert len(short.deciding) == len(long.deciding) >= 3
    assert {index // 5 for index in short.deciding} == long.deciding


def test_a_sentence_begins_and_ends_with_sound() -> None:
    said = sentence(SPOKEN["my_name_is_alice"].pcm, 0.5, 1.0)
    samples = np.abs(np.frombuffer(said.pcm, "<i2").astype(int))
    loud = np.flatnonzero(samples > 190)
    assert loud[0] == pytest.approx(said.begins * RATE, abs=2)
    assert loud[-1] + 1 == pytest.approx(said.ends * RATE, abs=2)
    assert len(samples) == pytest.approx((said.ends + 1.0) * RATE, abs=2)


def held(**more: int) -> Sample:
    """A sample of 100 of everything, and of as many more as are named."""
    census = {name: 100 + more.get(name, 0) for name in Census.__struct_fields__}
    holdings = {name: 100 + more.get(name, 0) for name in Holdings.__struct_fields__}
    return Sample(0.0, Census(**census), Holdings(**holdings), 0.0)


class TestLeftBehind:
    def test_as_much_as_before_is_nothing(self) -> None:
        assert held().left_behind(held()) == []
        assert held(memory=10**9, tasks=-5).left_behind(held()) == []

    @pytest.mark.parametrize("what", SLACK)
    def test_what_there_is_more_of_is_named(self, what: str) -> None:
        assert held(**{what: SLACK[what]}).left_behind(held()) == []
        more = SLACK[what] + 1
        assert held(**{what: more}).left_behind(held()) == [f"{what}: 100 before, {100 + more} after"]

    def test_objects_may_be_a_few_more(self) -> None:
        few = round(100 * MORE_OBJECTS)
        assert held(objects=few).left_behind(held()) == []
        assert held(objects=few + 1).left_behind(held()) == [f"objects: 100 before, {101 + few} after"]


@pytest.mark.parametrize("seconds", [6.0, 60.0, 600.0, 7200.0])
def test_visitors_come_more_than_once_and_say_something(seconds: float) -> None:
    polite = manners(seconds)
    assert 0 < polite.stay[0] < polite.stay[1] < seconds
    assert 0 < polite.silence[0] < polite.silence[1] <= polite.stay[1]


def test_the_server_and_its_clients_get_cores_that_exist() -> None:
    server, clients = cores()
    assert (server is None) == (clients is None)


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [3.0, 1.0, 2.0, 4.0]
    assert [percentile(values, p) for p in (0, 25, 50, 99, 100)] == [1.0, 1.0, 2.0, 4.0, 4.0]
    assert math.isnan(percentile([], 50))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.01234, "0.0123"), (1.5, "1.50"), (12.34, "12.3"), (123.4, "123"), (12_345.6, "12,346"), (7, "7")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_what_is_no_number_is_a_dash() -> None:
    assert figure(math.nan) == figure(math.inf) == "-"
