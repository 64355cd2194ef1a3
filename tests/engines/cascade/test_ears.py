import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from antiphon.audio.silero import load_silero
from antiphon.engines.cascade.ears import Ear, Ears, activity_config
from antiphon.live.setup import ActivityDetection

FRAME = 1024
AN_HOUR = 3600.0


class FakeVad:
    """Gives the first sample of a frame, in thousandths, as its probability; remembers who was in each batch."""

    def __init__(self) -> None:
        self.batches: list[list[object]] = []
        self.fails = False

    def state(self) -> object:
        return object()

    def probabilities(self, states: Sequence[object], frames: NDArray[np.int16]) -> NDArray[np.float32]:
        assert frames.shape == (len(states), 512)
        if self.fails:
            raise RuntimeError("the model broke")
        self.batches.append(list(states))
        return (frames[:, 0] / 1000).astype(np.float32)


class Listener:
    """Collects what an ear hears."""

    def __init__(self, ears: Ears) -> None:
        self.frames: list[bytes] = []
        self.probabilities: list[float] = []
        self.order: list[int | bytes] = []
        self._heard = asyncio.Event()
        self.ear: Ear = ears.attach(self.on_frame, self.on_skip)

    def on_frame(self, probability: float, frame: bytes) -> None:
        self.frames.append(frame)
        self.probabilities.append(probability)
        self.order.append(frame)
        self._heard.set()

    def on_skip(self, samples: int) -> None:
        self.order.append(samples)

    async def heard(self, frames: int) -> None:
        """Wait until so many frames were heard."""
        async with asyncio.timeout(10):
            while len(self.frames) < frames:
                self._heard.clear()
                await self._heard.wait()


def sound(frames: int, first: int = 0) -> bytes:
    """Frames whose first sample counts up."""
    samples = np.zeros((frames, 512), "<i2")
    samples[:, 0] = np.arange(first, first + frames)
    return samples.tobytes()


async def idle() -> None:
    """Let everything that is ready run."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def vad() -> FakeVad:
    return FakeVad()


@pytest.fixture
async def ears(vad: FakeVad) -> AsyncIterator[Ears]:
    ears = Ears(vad, tick=0)
    yield ears
    await ears.aclose()


# --- frames ---------------------------------------------------------------------------------------------------


async def test_frames_come_whole_in_order_and_with_their_probability(ears: Ears) -> None:
    listener = Listener(ears)
    pcm = sound(10)
    for start in range(0, len(pcm), 640):
        listener.ear.feed(pcm[start : start + 640])
    await listener.heard(10)
    assert b"".join(listener.frames) == pcm
    assert [len(frame) for frame in listener.frames] == [FRAME] * 10
    assert listener.probabilities == pytest.approx([i / 1000 for i in range(10)])


async def test_less_than_a_frame_waits_for_the_rest(ears: Ears, vad: FakeVad) -> None:
    listener = Listener(ears)
    listener.ear.feed(sound(1)[:-2])
    await idle()
    assert vad.batches == []
    assert listener.ear.pending_ms == 31
    listener.ear.feed(sound(1)[-2:])
    await listener.heard(1)
    assert listener.frames == [sound(1)]


def run(scenario: Callable[[Ears], Awaitable[None]], vad: FakeVad, backlog_seconds: float = 10) -> None:
    async def main() -> None:
        ears = Ears(vad, backlog_seconds, tick=0)
        try:
            await scenario(ears)
        finally:
            await ears.aclose()

    asyncio.run(main())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3000), st.booleans()), max_size=40))
def test_every_sample_is_heard_reported_lost_or_waiting(feeds: list[tuple[int, int, bool]]) -> None:
    async def scenario(ears: Ears) -> None:
        listeners = [Listener(ears) for _ in range(5)]
        fed = [0] * 5
        for who, samples, pause in feeds:
            listeners[who].ear.feed(bytes(2 * samples))
            fed[who] += samples
            if pause:
                await asyncio.sleep(0)
        for listener, samples in zip(listeners, fed, strict=True):
            await listener.heard((samples - listener.ear.dropped_samples) // 512)
        for listener, samples in zip(listeners, fed, strict=True):
            skipped = sum(step for step in listener.order if isinstance(step, int))
            rest = samples - skipped - 512 * len(listener.frames)
            assert 0 <= rest < 512
            assert skipped == listener.ear.dropped_samples

    run(scenario, FakeVad(), backlog_seconds=0.1)


# --- batches and fairness -------------------------------------------------------------------------------------


async def test_sessions_share_batches_of_at_most_256(ears: Ears, vad: FakeVad) -> None:
    listeners = [Listener(ears) for _ in range(600)]
    for number, listener in enumerate(listeners):
        listener.ear.feed(sound(1, number))
    await asyncio.gather(*(listener.heard(1) for listener in listeners))
    assert [len(batch) for batch in vad.batches] == [256, 256, 88]
    assert all(listener.frames == [sound(1, number)] for number, listener in enumerate(listeners))


async def test_the_loop_runs_between_batches(ears: Ears, vad: FakeVad) -> None:
    listeners = [Listener(ears) for _ in range(512)]
    seen: list[int] = []

    async def watch() -> None:
        while len(vad.batches) < 2:
            seen.append(len(vad.batches))
            await asyncio.sleep(0)

    watcher = asyncio.create_task(watch())
    for listener in listeners:
        listener.ear.feed(sound(1))
    await watcher
    assert 1 in seen


async def test_a_burst_is_worked_off_fairly(ears: Ears, vad: FakeVad) -> None:
    burst, live = Listener(ears), Listener(ears)
    states = [burst.ear.state, live.ear.state]
    burst.ear.feed(sound(30))
    live.ear.feed(sound(3))
    await burst.heard(30)
    assert [len(batch) for batch in vad.batches] == [2] * 3 + [1] * 27
    assert all(set(batch) == set(states) for batch in vad.batches[:3])


async def test_who_comes_during_a_burst_is_heard_in_the_next_round(ears: Ears, vad: FakeVad) -> None:
    burst, late = Listener(ears), Listener(ears)
    burst.ear.feed(sound(200))
    await burst.heard(5)
    late.ear.feed(sound(1))
    await late.heard(1)
    assert len(burst.frames) <= 8


async def test_a_backlog_is_worked_off_without_rest(vad: FakeVad) -> None:
    ears = Ears(vad, tick=AN_HOUR)
    listener = Listener(ears)
    listener.ear.feed(sound(100))
    await listener.heard(100)
    await ears.aclose()
    assert listener.frames[-1] == sound(1, 99)


async def test_between_rounds_frames_gather(vad: FakeVad) -> None:
    ears = Ears(vad, tick=AN_HOUR)
    first, second = Listener(ears), Listener(ears)
    first.ear.feed(sound(1))
    await first.heard(1)
    second.ear.feed(sound(1))
    await idle()
    assert second.frames == []
    await ears.aclose()


async def test_without_sound_the_pump_sleeps(vad: FakeVad) -> None:
    rounds = 0

    class Counting(Ears):
        async def _round(self) -> bool:
            nonlocal rounds
            rounds += 1
            return await super()._round()

    ears = Counting(vad, tick=0)
    listener = Listener(ears)
    listener.ear.feed(sound(1))
    await listener.heard(1)
    await idle()
    before = rounds
    await idle()
    listener.ear.feed(b"\x00\x00")
    await idle()
    assert rounds == before >= 1
    await ears.aclose()


# --- the bound ------------------------------------------------------------------------------------------------


async def test_beyond_the_backlog_the_oldest_sound_is_dropped_and_told(vad: FakeVad) -> None:
    ears = Ears(vad, backlog_seconds=0.32)
    listener = Listener(ears)
    listener.ear.feed(sound(15))
    assert listener.ear.dropped_ms == 5 * 32
    assert listener.ear.pending_ms == 320
    await listener.heard(10)
    assert listener.order[:2] == [5 * 512, sound(1, 5)]
    assert listener.frames == [sound(1, number) for number in range(5, 15)]
    listener.ear.feed(sound(1))
    await listener.heard(11)
    assert listener.order.count(5 * 512) == 1
    await ears.aclose()


async def test_who_does_not_ask_is_not_told(vad: FakeVad) -> None:
    ears = Ears(vad, backlog_seconds=0.064)
    done = asyncio.Event()
    ear = ears.attach(lambda probability, frame: done.set())
    ear.feed(sound(5))
    await asyncio.wait_for(done.wait(), 10)
    assert ear.dropped_samples == 3 * 512
    assert not ear.closed
    await ears.aclose()


# --- ends and failures ----------------------------------------------------------------------------------------


async def test_a_closed_ear_hears_nothing_more(ears: Ears) -> None:
    closed, other = Listener(ears), Listener(ears)
    closed.ear.feed(sound(3))
    closed.ear.close()
    closed.ear.close()
    closed.ear.feed(sound(3))
    other.ear.feed(sound(1))
    await other.heard(1)
    await idle()
    assert closed.frames == []
    assert closed.ear.pending_ms == 0


async def test_a_listener_may_close_its_neighbour(ears: Ears) -> None:
    second: Listener
    first = ears.attach(lambda probability, frame: second.ear.close())
    second, third = Listener(ears), Listener(ears)
    for ear in (first, second.ear, third.ear):
        ear.feed(sound(2))
    await third.heard(2)
    assert second.frames == []


async def test_a_listener_may_feed_itself(ears: Ears) -> None:
    done = asyncio.Event()
    heard: list[bytes] = []

    def on_frame(probability: float, frame: bytes) -> None:
        heard.append(frame)
        if len(heard) < 5:
            ear.feed(sound(1, len(heard)))
        else:
            done.set()

    ear = ears.attach(on_frame)
    ear.feed(sound(1))
    await asyncio.wait_for(done.wait(), 10)
    assert heard == [sound(1, number) for number in range(5)]


async def test_a_failing_listener_is_closed_and_the_others_go_on(ears: Ears, caplog: pytest.LogCaptureFixture) -> None:
    def fail(probability: float, frame: bytes) -> None:
        raise ValueError("a listener's own fault")

    bad, good = ears.attach(fail), Listener(ears)
    for ear in (bad, good.ear):
        ear.feed(sound(3))
    await good.heard(3)
    assert bad.closed
    assert not good.ear.closed
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ValueError]


async def test_a_failing_model_ends_its_batch_and_not_the_pump(
    ears: Ears, vad: FakeVad, caplog: pytest.LogCaptureFixture
) -> None:
    first = Listener(ears)
    vad.fails = True
    first.ear.feed(sound(1))
    await idle()
    assert first.ear.closed
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    vad.fails = False
    second = Listener(ears)
    second.ear.feed(sound(1))
    await second.heard(1)


async def test_ends_with_its_task_and_may_begin_again(vad: FakeVad) -> None:
    ears = Ears(vad, tick=0)
    await ears.aclose()
    listener = Listener(ears)
    assert any(task.get_name() == "ears" for task in asyncio.all_tasks())
    await ears.aclose()
    await ears.aclose()
    assert not any(task.get_name() == "ears" for task in asyncio.all_tasks())
    listener = Listener(ears)
    listener.ear.feed(sound(1))
    await listener.heard(1)
    await ears.aclose()


# --- the real model and the client's settings -----------------------------------------------------------------


async def test_hears_what_the_model_hears_alone() -> None:
    vad = load_silero()
    ears = Ears(vad, tick=0)
    listeners = [Listener(ears) for _ in range(3)]
    noise = [np.random.default_rng(seed).normal(0, 3000, 512 * 20).astype("<i2") for seed in range(3)]
    for listener, samples in zip(listeners, noise, strict=True):
        listener.ear.feed(samples.tobytes())
    await asyncio.gather(*(listener.heard(20) for listener in listeners))
    await ears.aclose()
    for listener, samples in zip(listeners, noise, strict=True):
        state = vad.state()
        alone = [float(vad.probabilities([state], frame[None])[0]) for frame in samples.reshape(-1, 512)]
        assert listener.probabilities == pytest.approx(alone, abs=1e-5)


def test_sensitivities_set_thresholds_and_silence() -> None:
    high = activity_config(ActivityDetection())
    assert (high.start_threshold, high.end_threshold, high.silence_ms) == (0.5, 0.35, 500)
    low = activity_config(ActivityDetection(start_sensitivity="low", end_sensitivity="low"))
    assert (low.start_threshold, low.end_threshold, low.silence_ms) == (0.7, 0.45, 800)
    assert low.prefix_padding_ms == high.prefix_padding_ms > 0


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from(["high", "low"]))
def test_the_clients_durations_hold_exactly(prefix: int, silence: int, sensitivity: Literal["high", "low"]) -> None:
    config = activity_config(
        ActivityDetection(end_sensitivity=sensitivity, prefix_padding_ms=prefix, silence_ms=silence)
    )
    assert (config.prefix_padding_ms, config.silence_ms) == (prefix, silence)
