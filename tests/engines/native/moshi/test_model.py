"""The real loaders and modules of moshi, with tiny random weights, frame by frame."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.native.config import MoshiConfig
from antiphon.engines.native.moshi.engine import MoshiEngine
from antiphon.engines.native.moshi.frames import FRAME_BYTES, FRAME_SAMPLES, Said
from antiphon.engines.native.moshi.stage import Stage
from antiphon.live.events import Audio, GenerationStarted, OutputTranscript, Speech
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import Setup

ROWS = 3
FRAMES = 12
SPEAKERS = 4
Greedy = Callable[[int], Any]


@pytest.fixture(scope="module")
def streams() -> list[list[bytes]]:
    """What each of several speakers says, in frames."""
    noise = np.random.default_rng(3).integers(-9_000, 9_000, (SPEAKERS, FRAMES, FRAME_SAMPLES))
    return [[frame.astype("<i2").tobytes() for frame in stream] for stream in noise]


@pytest.fixture(scope="module")
def alone(moshi_folder: Path, streams: list[list[bytes]]) -> list[list[Said]]:
    """What moshi's own loop, for a single conversation, says to each of them."""
    from moshi.models import LMGen, loaders

    files = {"moshi_weights": "model.safetensors", "mimi_weights": "mimi.safetensors", "tokenizer": "tok.model"}
    configs = {"config_path": "config.json", "mimi_config_path": "mimi.json"}
    paths = {name: moshi_folder / file for name, file in (files | configs).items()}
    return [_converse(loaders.CheckpointInfo.from_hf_repo("none", **paths), LMGen, stream) for stream in streams]


def _converse(checkpoint: Any, generator: Any, stream: list[bytes]) -> list[Said]:
    import torch

    mimi, tokenizer = checkpoint.get_mimi("cpu"), checkpoint.get_text_tokenizer()
    model = generator(checkpoint.get_moshi("cpu", dtype=torch.float32), use_sampling=False)
    answers = []
    with torch.no_grad(), mimi.streaming(1), model.streaming(1):
        for frame in stream:
            sound = torch.from_numpy(np.frombuffer(frame, "<i2") / np.float32(32_768))
            tokens = model.step(mimi.encode(sound.view(1, 1, -1)))
            if tokens is not None:
                samples = (mimi.decode(tokens[:, 1:])[0, 0].clamp(-1, 1) * 32_767).short().numpy()
                answers.append(Said(samples.astype("<i2").tobytes(), _text(tokenizer, int(tokens[0, 0, 0]))))
    return answers


def _text(tokenizer: Any, token: int) -> bytes:
    if token in (0, 3) or tokenizer.is_control(token):
        return b""
    piece: str = tokenizer.id_to_piece(token)
    return bytes([int(piece[3:5], 16)]) if tokenizer.is_byte(token) else piece.replace("\u2581", " ").encode()


@pytest.fixture(scope="module")
def crowd(greedy: Greedy) -> Any:
    """A model for several."""
    return greedy(ROWS)


def same(one: Said, other: Said) -> bool:
    """The same words, and the same sound but for the rounding of sums."""
    sounds = [np.frombuffer(said.pcm, "<i2").astype(int) for said in (one, other)]
    return one.text == other.text and int(np.abs(sounds[0] - sounds[1]).max()) <= 2


def test_the_first_frames_have_no_answer(alone: list[list[Said]]) -> None:
    assert {len(answer) for answer in alone} == {FRAMES - 1}
    assert all(len(said.pcm) == FRAME_BYTES for answer in alone for said in answer)
    assert len({said.text for answer in alone for said in answer}) > 3


def test_speakers_are_told_apart(alone: list[list[Said]]) -> None:
    assert not all(same(one, other) for one, other in zip(alone[0], alone[1], strict=True))


Step = st.tuples(st.sets(st.integers(0, ROWS - 1)), st.sets(st.integers(0, ROWS - 1), max_size=1))


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(Step, min_size=10, max_size=24))
def test_whoever_comes_and_goes_everybody_hears_what_they_would_alone(
    crowd: Any, streams: list[list[bytes]], alone: list[list[Said]], schedule: list[tuple[set[int], set[int]]]
) -> None:
    # Rows hold speakers; in a step some rows have a frame, and a speaker may leave for the next one.
    speakers = list(range(ROWS))
    position, heard = [0] * ROWS, [0] * ROWS
    crowd.reset(range(ROWS))
    for ready, leaving in schedule:
        for row in leaving:
            speakers[row] = (speakers[row] + 1) % SPEAKERS
            position[row] = heard[row] = 0
            crowd.reset([row])
        rows = [row for row in ready if position[row] < FRAMES]
        if not rows:
            continue
        said = crowd.step({row: streams[speakers[row]][position[row]] for row in rows})
        for row in rows:
            position[row] += 1
            if row in said:
                assert same(said[row], alone[speakers[row]][heard[row]])
                heard[row] += 1
        assert heard == [max(0, count - 1) for count in position]


def test_a_slot_tells_nothing_of_who_had_it_before(
    crowd: Any, streams: list[list[bytes]], alone: list[list[Said]]
) -> None:
    crowd.reset(range(ROWS))
    stage = Stage(crowd, 60.0, clock=lambda: 0.0)
    for stream, expected in zip(streams, alone, strict=True):
        said: list[Said] = []
        slot = stage.join(said.append, lambda error: None)
        assert slot.row == 0
        stage.feed(slot, b"".join(stream))
        for _ in stream:
            stage.step(stage.turn()[0])
        assert len(said) == len(expected)
        assert all(same(one, other) for one, other in zip(said, expected, strict=True))
        stage.leave(slot)


async def test_the_engine_talks_and_the_loop_breathes(moshi_folder: Path, streams: list[list[bytes]]) -> None:
    engine = MoshiEngine(MoshiConfig(str(moshi_folder), slots=2, device="cpu"))
    await engine.start()
    conversations = [await engine.open(Setup(PROFILES["gemini-3.8-live"])) for _ in range(2)]
    lags: list[float] = []
    watch = asyncio.create_task(_watch(lags))
    for stream, conversation in zip(streams, conversations, strict=False):
        conversation.send(Audio(b"".join(stream), 24_000))
    for conversation in conversations:
        kinds = set()
        async with asyncio.timeout(20):
            async for event in conversation:
                kinds.add(type(event))
                if {GenerationStarted, Speech, OutputTranscript} <= kinds:
                    break
    watch.cancel()
    for conversation in conversations:
        await conversation.aclose()
    await engine.aclose()
    assert lags
    # Steps of torch let go of the interpreter: the loop waits for a thread switch, not for a step.
    assert sorted(lags)[len(lags) // 2] < 0.02


async def _watch(lags: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + 0.002
        await asyncio.sleep(0.002)
        lags.append(loop.time() - due)


async def test_without_a_configuration_it_is_the_first_moshi(
    moshi_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``antiphon models pull moshi`` leaves it: the usual names, and sizes that moshi knows by heart (here tiny)."""
    from moshi.models import loaders

    sizes = json.loads((moshi_folder / "config.json").read_text())
    known = {name: sizes[name] for name in loaders._lm_kwargs}
    monkeypatch.setattr(loaders, "_lm_kwargs", known)
    monkeypatch.setattr(loaders, "_mimi_config", json.loads((moshi_folder / "mimi.json").read_text()))
    usual = {"mimi.safetensors": loaders.MIMI_NAME, "tok.model": loaders.TEXT_TOKENIZER_NAME}
    for name, renamed in ({"model.safetensors": loaders.MOSHI_NAME} | usual).items():
        shutil.copy(moshi_folder / name, tmp_path / renamed)
    engine = MoshiEngine(MoshiConfig(str(tmp_path), slots=1, device="cpu"))
    await engine.start()
    await engine.aclose()


async def test_a_hub_id_is_found_in_the_cache(
    moshi_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--kyutai--tiny"
    shutil.copytree(moshi_folder, repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    engine = MoshiEngine(MoshiConfig("kyutai/tiny", slots=1, device="cpu"))
    await engine.start()
    await engine.aclose()


class TestWhatCannotBeLoaded:
    @pytest.fixture
    def broken(self, moshi_folder: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(moshi_folder, tmp_path / "model"))

    async def start(self, model: object, **settings: Any) -> None:
        await MoshiEngine(MoshiConfig(str(model), slots=1, **settings)).start()

    async def test_no_such_folder(self, moshi_folder: Path) -> None:
        with pytest.raises(EngineUnavailable, match="no such folder"):
            await self.start(moshi_folder / "none")

    async def test_a_hub_id_is_looked_for_on_this_machine_only(
        self, moshi_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import socket

        from huggingface_hub import constants

        def forbidden(*_: Any, **__: Any) -> None:
            raise AssertionError("a connection was made")

        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr(socket.socket, "connect", forbidden)
        with pytest.raises(EngineUnavailable, match="antiphon models pull hf:kyutai/moshiko-pytorch-bf16"):
            await self.start("kyutai/moshiko-pytorch-bf16")

    @pytest.mark.parametrize("name", ["model.safetensors", "mimi.safetensors", "tok.model"])
    async def test_a_missing_part_is_named(self, broken: Path, name: str) -> None:
        (broken / name).unlink()
        with pytest.raises(EngineUnavailable, match=f"{name} is missing"):
            await self.start(broken)

    async def test_weights_that_do_not_fit(self, broken: Path) -> None:
        (broken / "model.safetensors").write_bytes((broken / "mimi.safetensors").read_bytes())
        with pytest.raises(EngineUnavailable, match="cannot be loaded"):
            await self.start(broken)

    @pytest.mark.parametrize("change", [{"dep_q": 0}, {"model_type": "tts"}])
    async def test_a_model_that_does_not_listen_and_speak(self, broken: Path, change: dict[str, Any]) -> None:
        config = json.loads((broken / "config.json").read_text())
        (broken / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(EngineUnavailable, match="a Moshi is needed"):
            await self.start(broken)

    async def test_a_gpu_that_is_not_there(self, moshi_folder: Path, torch: Any) -> None:
        if torch.cuda.is_available():
            pytest.skip("there is a GPU")
        with pytest.raises(EngineUnavailable, match='use device = "cpu"'):
            await self.start(moshi_folder, device="cuda")


async def test_without_the_packages_the_commands_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EngineUnavailable, match="pip install --no-deps moshi einops sentencepiece"):
        await MoshiEngine(MoshiConfig("x/y")).start()
