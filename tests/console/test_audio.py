"""The microphone and the speaker of the console, in a real browser: exact samples in, exact samples out."""

import base64
import io
import math
import wave
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.console.conftest import speak
from tests.console.ears import EARS, deaf_until_now, ears

from antiphon.testing.server import Servers


@pytest.fixture(scope="module")
def url(antiphon_servers: Servers) -> Iterator[str]:
    """A page of the console that does nothing by itself."""
    server = antiphon_servers.start()
    yield f"{server.url}/console/login"
    antiphon_servers.stop(server)


@pytest.fixture
def page(url: str, new_page: Any) -> Any:
    """A quiet page of the console, with a scripted microphone and with ears."""
    page = new_page(scripts=(EARS, "modules.js"))
    page.goto(url)
    return page


def open_player(page: Any) -> None:
    """A player in ``window.player``; the ears are on."""
    page.evaluate("""async () => {
        const { Player } = await load("audio/player.js");
        window.player = await Player.open();
        await player.resume();
        await pause(100); // The clocks of a fresh context settle.
        window.firsts = [];
        window.drained = [];
        player.onFirst = (first) => firsts.push(first);
        player.onDrained = ({ turn, at }) => drained.push({ turn, at });
    }""")


def until_drained(page: Any, turns: int = 1) -> None:
    page.evaluate("async (turns) => { while (drained.length < turns) await pause(10); await pause(100); }", turns)


def tone(hz: float, seconds: float, amplitude: float, rate: int) -> str:
    """A WAV file with a sine, for the scripted microphone."""
    wide = np.round(32767 * amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate))
    samples = np.asarray(wide, dtype="<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return base64.b64encode(file.getvalue()).decode()


def strength(samples: np.ndarray, rate: int, hz: float) -> float:
    """The amplitude of one frequency."""
    waves = np.exp(-2j * np.pi * hz * np.arange(len(samples)) / rate)
    window = np.hanning(len(samples))
    return float(2 * abs(np.sum(samples * window * waves)) / np.sum(window))


class TestPlayer:
    def test_plays_exactly_and_without_gaps(self, page):
        open_player(page)
        page.evaluate("""() => {
            for (let i = 0; i < 10; i += 1) player.enqueue(sine(660, 0.1, 0.37, 24000, 2400 * i), 1);
        }""")
        until_drained(page)
        heard = ears(page)
        assert heard["rms"] == pytest.approx(0.37 / math.sqrt(2), rel=0.02)
        assert heard["seconds"] == pytest.approx(1, abs=0.002)
        assert heard["gaps"] == 0
        assert heard["peakHz"] == pytest.approx(660, abs=2)
        assert heard["step"] < 0.37 * 2 * math.pi * 660 / 24000 * 1.05, "neighbouring chunks must join without a click"
        assert page.evaluate("[player.heard(1), player.playing.value, player.underruns.value]") == [1, False, 0]

    def test_starts_as_soon_as_fifty_milliseconds_are_there(self, page):
        open_player(page)
        page.evaluate("() => { window.sent = performance.now(); player.enqueue(sine(440, 0.3, 0.5, 24000), 1); }")
        until_drained(page)
        assert ears(page)["first"] - page.evaluate("sent") < 100

    def test_tells_when_a_turn_was_first_heard_behind_leading_silence(self, page):
        open_player(page)
        page.evaluate("""() => {
            player.enqueue(new Int16Array(4800), 7);
            player.enqueue(sine(440, 0.2, 0.5, 24000), 7);
        }""")
        until_drained(page)
        [first], heard = page.evaluate("firsts"), ears(page)
        assert first["turn"] == 7
        assert first["at"] == pytest.approx(heard["first"] + heard["latency"], abs=15)

    def test_a_flush_is_silence_at_once_and_does_not_click(self, page):
        open_player(page)
        cut = page.evaluate("""async () => {
            player.enqueue(sine(440, 20, 0.5, 24000), 3);
            await pause(600);
            const at = performance.now();
            let silent;
            player.onCut = (news) => (silent = news);
            const cut = player.flush();
            await pause(200);
            const { playing, level } = player;
            return { at, silent, ...cut, heard: player.heard(3), playing: playing.value, level: level.value };
        }""")
        heard = ears(page)
        assert heard["last"] - cut["at"] < 50
        assert cut["silent"]["turn"] == 3
        assert cut["silent"]["at"] == pytest.approx(heard["last"] + heard["latency"], abs=15)
        assert heard["step"] < 0.5 * 2 * math.pi * 440 / 24000 * 1.2
        assert cut["turn"] == 3
        assert cut["heardSeconds"] + cut["droppedSeconds"] == pytest.approx(20, abs=1e-6)
        assert cut["heardSeconds"] == pytest.approx(heard["seconds"], abs=0.05)
        assert cut["heard"] == pytest.approx(heard["seconds"], abs=0.01)
        assert (cut["playing"], cut["level"]) == (False, 0)

    def test_the_next_turn_plays_after_a_flush(self, page):
        open_player(page)
        page.evaluate("""async () => {
            player.enqueue(sine(440, 5, 0.5, 24000), 1);
            await pause(300);
            player.flush();
            await pause(200);
        }""")
        deaf_until_now(page)
        page.evaluate("() => player.enqueue(sine(880, 0.4, 0.2, 24000), 2)")
        until_drained(page)
        heard = ears(page)
        assert heard["seconds"] == pytest.approx(0.4, abs=0.005)
        assert heard["peakHz"] == pytest.approx(880, abs=3)
        assert page.evaluate("player.heard(2)") == pytest.approx(0.4)
        assert page.evaluate("drained.map(({ turn }) => turn)") == [2]

    def test_turns_follow_each_other_and_are_counted_apart(self, page):
        open_player(page)
        page.evaluate("""() => {
            player.enqueue(sine(440, 0.2, 0.5, 24000), 1);
            player.enqueue(sine(440, 0.3, 0.5, 24000), 2);
        }""")
        until_drained(page)
        assert page.evaluate("[player.heard(1), player.heard(2), player.heard(3)]") == pytest.approx([0.2, 0.3, 0])
        (first, second), [drained] = page.evaluate("[firsts, drained]")
        assert second["at"] - first["at"] == pytest.approx(200, abs=5)
        assert drained["at"] - first["at"] == pytest.approx(500, abs=10), "it says when all was heard, not sent"
        assert ears(page)["gaps"] == 0

    def test_a_turn_that_runs_dry_is_counted_and_a_meant_pause_is_not(self, page):
        open_player(page)
        underruns = page.evaluate("""async () => {
            const say = async (wait) => {
                player.enqueue(sine(440, 0.1, 0.5, 24000), 1);
                await pause(wait);
            };
            await say(300);
            await say(750);
            await say(300);
            return player.underruns.value;
        }""")
        assert underruns == 1

    def test_volume_and_mute_are_its_own(self, page):
        open_player(page)
        levels = page.evaluate("""async () => {
            player.enqueue(sine(440, 20, 0.5, 24000), 1);
            await pause(150);
            player.volume = 0.25;
            await pause(150);
            const quiet = performance.now();
            await pause(250);
            player.muted = true;
            await pause(150);
            const muted = performance.now();
            await pause(250);
            const level = player.level.value;
            player.flush();
            return { quiet, muted, level };
        }""")
        quiet = ears(page, since=levels["quiet"], until=levels["quiet"] + 200)
        assert quiet["rms"] == pytest.approx(0.125 / math.sqrt(2), rel=0.02)
        assert ears(page, since=levels["muted"], until=levels["muted"] + 200)["rms"] == 0
        assert levels["level"] == pytest.approx(0.5 / math.sqrt(2), rel=0.02), "the meter shows speech while muted"

    def test_a_context_that_the_system_stopped_is_woken(self, page):
        open_player(page)
        states = page.evaluate("""async () => {
            const states = [];
            player.asleep.subscribe((asleep) => states.push(asleep));
            await player.context.suspend();
            await pause(300);
            return [...states, player.context.state];
        }""")
        assert states == [False, True, False, "running"]

    def test_another_speaker_is_chosen_or_the_reason_told(self, page):
        open_player(page)
        told = page.evaluate("""async () => {
            const { explain } = await load("audio/devices.js");
            await player.setSink("");
            return player.setSink("no such speaker").catch((error) => explain(error));
        }""")
        assert told["title"] == "The chosen speaker is not there any more."

    def test_minutes_that_come_at_once_are_kept_and_freed(self, page):
        open_player(page)
        told = page.evaluate("""async () => {
            const second = sine(440, 1, 0.5, 24000);
            for (let i = 0; i < 1900; i += 1) player.enqueue(second, 1);
            const refused = player.refused.value;
            const { droppedSeconds } = player.flush();
            player.enqueue(second, 2);
            return { refused, droppedSeconds, playing: player.playing.value };
        }""")
        assert told["refused"] == pytest.approx(100)
        assert told["droppedSeconds"] == pytest.approx(1800, abs=1)
        assert told["playing"]


class TestResampler:
    @pytest.fixture
    def resample(self, page):
        def resample(samples, rate, blocks=(128,), to=16000):
            found = page.evaluate(
                """async ({ samples, rate, to, blocks }) => {
                    const { Resampler } = await load("audio/resampler.js");
                    const resampler = new Resampler(rate, to);
                    const out = [];
                    for (let at = 0, i = 0; at < samples.length; i += 1) {
                        const size = blocks[i % blocks.length];
                        resampler.push(Float32Array.from(samples.slice(at, at + size)), (sample) => out.push(sample));
                        at += size;
                    }
                    return out;
                }""",
                {"samples": samples.tolist(), "rate": rate, "to": to, "blocks": list(blocks)},
            )
            return np.array(found)

        return resample

    def sine(self, hz, rate, seconds=0.1):
        return np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)

    def test_a_tone_keeps_level_and_moment_at_every_rate(self, resample):
        for rate in (8000, 16000, 22050, 44100, 48000, 96000):
            out = resample(self.sine(1000, rate), rate)
            wanted = self.sine(1000, 16000)[: len(out)]
            inner = slice(200, -200)
            assert np.max(np.abs(out[inner] - wanted[inner])) < 1e-3, rate
            assert len(out) >= 0.1 * 16000 - 85, "only the filter's own length may stay inside"

    def test_what_cannot_be_told_at_sixteen_kilohertz_is_gone(self, resample):
        for rate in (44100, 48000):
            for hz in (8200, 10000, 15000, 20000):
                out = resample(self.sine(hz, rate), rate)[200:-200]
                assert np.sqrt(np.mean(out**2)) < 10 ** (-60 / 20), (rate, hz)

    def test_speech_up_to_seven_kilohertz_passes(self, resample):
        out = resample(self.sine(6900, 48000), 48000)[200:-200]
        assert np.sqrt(2 * np.mean(out**2)) == pytest.approx(1, abs=0.02)

    def test_borders_of_blocks_do_not_show(self, resample):
        noise = np.random.default_rng(1).uniform(-1, 1, 5000)
        whole = resample(noise, 44100, blocks=(5000,))
        assert np.array_equal(whole, resample(noise, 44100, blocks=(128,)))
        assert np.array_equal(whole, resample(noise, 44100, blocks=(1, 977, 3, 128)))

    def test_full_scale_does_not_wrap(self, page):
        told = page.evaluate("""async () => {
            const { toInt16 } = await load("audio/resampler.js");
            return [1.2, 1, 0.5, 0, -1, -7].map(toInt16);
        }""")
        assert told == [32767, 32767, 16384, 0, -32768, -32768]


class TestCapture:
    @pytest.fixture
    def record(self, page):
        """Records while the microphone plays a WAV file, and gives the samples."""
        page.evaluate("""async () => {
            const { Capture } = await load("audio/capture.js");
            window.capture = await Capture.open({ echoCancellation: false });
            window.chunks = [];
            capture.listen((chunk) => chunks.push({ ...chunk, pcm: [...chunk.pcm] }));
            while (chunks.length < 5) await pause(20);
        }""")

        def record(wav):
            page.evaluate("async (wav) => { chunks.length = 0; await __mic.speak(wav); await pause(100); }", wav)
            return np.concatenate([np.array(each) for each in page.evaluate("chunks.map((each) => each.pcm)")]) / 32768

        return record

    def inner(self, samples):
        """The middle of what is louder than nothing."""
        loud = np.flatnonzero(np.abs(samples) > 0.001)
        return samples[loud[0] + 800 : loud[-1] - 800]

    def test_a_tone_arrives_at_its_frequency_and_level(self, page, record):
        samples = self.inner(record(tone(1000, 0.6, 0.4, 44100)))
        assert strength(samples, 16000, 1000) == pytest.approx(0.4, rel=0.01)
        assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.4 / math.sqrt(2), rel=0.02)

    def test_what_is_too_high_does_not_come_back_as_something_else(self, page, record):
        samples = record(tone(10000, 0.6, 0.4, 44100))
        assert strength(samples, 16000, 6000) < 0.4 * 10 ** (-40 / 20)
        # The abrupt ends of the tone are heard, its inside is not.
        assert np.sqrt(np.mean(samples[4000:6000] ** 2)) < 0.4 * 10 ** (-40 / 20)

    def test_full_scale_arrives_without_wrapping(self, page, record):
        samples = self.inner(record(tone(400, 0.4, 1.0, 44100)))
        assert np.max(np.abs(np.diff(samples))) < 2 * math.pi * 400 / 16000 * 1.1
        assert strength(samples, 16000, 400) == pytest.approx(1, rel=0.02)

    def test_a_sentence_arrives_at_the_right_rate_with_true_times(self, page):
        page.evaluate("""async () => {
            const { Capture } = await load("audio/capture.js");
            window.capture = await Capture.open();
            window.chunks = [];
            window.levels = [];
            capture.level.subscribe((level) => levels.push(level));
            capture.listen(({ pcm, at, rms, peak }) =>
                chunks.push({ samples: pcm.length, at, rms, peak, now: performance.now() }));
            while (chunks.length < 25) await pause(20);
            chunks.length = levels.length = 0; // The clocks of a fresh context have settled.
        }""")
        speak(page, "my_name_is_alice")
        chunks, levels, label, rate, ended = page.evaluate(
            "[chunks, levels, capture.label, capture.sampleRate, capture.ended.value]"
        )
        assert {each["samples"] for each in chunks} == {320}
        seconds = (chunks[-1]["at"] - chunks[0]["at"]) / 1000
        assert 15_900 < 320 * (len(chunks) - 1) / seconds < 16_100
        steps = np.diff([each["at"] for each in chunks])
        assert np.max(np.abs(steps - 20)) < 10, "times follow the samples, not the messages"
        # The two clocks are read one after the other.
        assert all(each["at"] <= each["now"] + 20 for each in chunks)
        assert max(each["rms"] for each in chunks) > 0.02
        assert all(each["rms"] <= each["peak"] <= 1 for each in chunks)
        assert len(levels) <= 30 * seconds + 2
        assert (label != "", rate > 0, ended) == (True, True, False)

    def test_many_may_listen_and_stop(self, page):
        counts = page.evaluate("""async () => {
            const { Capture } = await load("audio/capture.js");
            const capture = await Capture.open();
            const counts = [0, 0];
            const stops = [0, 1].map((i) => capture.listen(() => (counts[i] += 1)));
            await pause(300);
            stops[0]();
            const before = [...counts];
            await pause(300);
            await capture.close();
            const closed = counts[1];
            await pause(200);
            return { before, after: counts, closed, opened: __mic.opened };
        }""")
        assert counts["before"][0] == counts["before"][1] == counts["after"][0] > 5
        assert counts["closed"] == counts["after"][1] > counts["before"][1]
        assert counts["opened"] == 1

    def test_an_unplugged_microphone_is_told(self, page):
        ended = page.evaluate("""async () => {
            const real = navigator.mediaDevices.getUserMedia;
            let track;
            navigator.mediaDevices.getUserMedia = async (wanted) => {
                const stream = await real(wanted);
                [track] = stream.getAudioTracks();
                return stream;
            };
            const { Capture } = await load("audio/capture.js");
            const capture = await Capture.open();
            track.dispatchEvent(new Event("ended"));
            return capture.ended.value;
        }""")
        assert ended

    def test_a_headset_that_changes_its_rate_is_followed(self, page):
        told = page.evaluate("""async () => {
            const { Capture } = await load("audio/capture.js");
            const capture = await Capture.open();
            const before = capture.sampleRate;
            let count = 0;
            capture.listen(() => (count += 1));
            MediaStreamTrack.prototype.getSettings = () => ({ sampleRate: 16000 });
            navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
            await pause(200);
            count = 0;
            await pause(500);
            return { before, after: capture.sampleRate, count, ended: capture.ended.value };
        }""")
        assert told["before"] != told["after"] == 16_000
        assert told["count"] == pytest.approx(25, abs=5)
        assert not told["ended"]

    def test_the_system_may_silence_it_for_a_while(self, page):
        told = page.evaluate("""async () => {
            const { Capture } = await load("audio/capture.js");
            const capture = await Capture.open();
            await pause(100);
            const told = [capture.asleep.value];
            Object.defineProperty(MediaStreamTrack.prototype, "muted", { value: true, configurable: true });
            navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
            told.push(capture.asleep.value);
            return told;
        }""")
        assert told == [False, True]


class TestDevices:
    def test_every_refusal_is_explained(self, page):
        page.evaluate("async () => Object.assign(window, await load('audio/devices.js'))")
        names = (
            "NotAllowedError NotFoundError NotReadableError OverconstrainedError AbortError SecurityError "
            "InvalidStateError NotSupportedError TypeError Strange"
        ).split()
        told = page.evaluate(
            """(names) => ["microphone", "camera", "screen", "speaker"].flatMap((source) =>
                names.map((name) => ({ source, name, ...explain(new DOMException("told", name), source) })))""",
            names,
        )
        assert len(told) == 40
        for each in told:
            assert each["title"].endswith("."), each
            assert each["fix"].endswith("."), each
        titles = {(each["source"], each["title"]) for each in told if each["source"] == "microphone"}
        assert len(titles) == 9, "each says something of its own; TypeError is how old browsers say not supported"

    def test_a_refused_microphone_says_where_to_allow_it(self, url, new_page):
        page = new_page(microphone=False, scripts=("modules.js",))
        page.goto(url)
        told = page.evaluate("""async () => {
            const { explain } = await load("audio/devices.js");
            const { Capture } = await load("audio/capture.js");
            return Capture.open().catch(explain);
        }""")
        assert "microphone" in told["title"]
        assert "press the button again" in told["fix"].lower()

    def test_without_tls_the_address_is_the_reason(self, page):
        told = page.evaluate("""async () => {
            Object.defineProperty(navigator, "mediaDevices", { value: undefined });
            Object.defineProperty(window, "isSecureContext", { value: false });
            const { explain } = await load("audio/devices.js");
            const { Capture } = await load("audio/capture.js");
            return Capture.open().catch(explain);
        }""")
        assert "TLS" in told["title"]
        assert "https://" in told["fix"]

    def test_devices_come_and_go(self, page):
        counts = page.evaluate("""async () => {
            let list = [{ kind: "audioinput", deviceId: "", label: "" }];
            navigator.mediaDevices.enumerateDevices = async () => list;
            const { devices, watchDevices } = await load("audio/devices.js");
            const stop = watchDevices();
            await pause(20);
            const before = devices.value;
            list = [
                { kind: "audioinput", deviceId: "a", label: "Desk" },
                { kind: "videoinput", deviceId: "b", label: "Lid" },
            ];
            navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
            await pause(20);
            const after = devices.value;
            stop();
            list = [];
            navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
            await pause(20);
            return { before, after, last: devices.value };
        }""")
        assert counts["before"]["microphones"] == [{"deviceId": "", "label": "Microphone 1"}]
        assert not counts["before"]["named"]
        assert counts["after"]["microphones"] == [{"deviceId": "a", "label": "Desk"}]
        assert counts["after"]["cameras"] == [{"deviceId": "b", "label": "Lid"}]
        assert counts["last"] == counts["after"]
