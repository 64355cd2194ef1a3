"""What is kept of real calls: their timelines, and recordings of those who agreed."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from antiphon.audio.wav import read_wav
from antiphon.calls.recording import FOLDER, RecordingConfig
from antiphon.live import events
from antiphon.live.timeline import Activity, Recording, Remark, Stage, Turn, Words
from antiphon.server.telemetry_config import TelemetryConfig
from antiphon.store.database import FILE_NAME, Database
from antiphon.store.records import Entry, Records

LOUD = np.full(6_000, 1000, "<i2").tobytes()
CONSENTED = RecordingConfig(mode="consented")


async def kept(server: Any) -> Entry:
    """What is stored of the only call, once the server has stopped."""
    await server.stop()
    database = Database(Path(server.config.data_dir) / FILE_NAME)
    await database.open()
    try:
        records = Records(database)
        (latest,) = await records.latest(2)
        assert latest.timeline is None, "lists are short"
        (entry,) = await records.of(latest.record.session_id)
        return entry
    finally:
        await database.aclose()


def of(entry: Entry, kind: type) -> list[Any]:
    assert entry.timeline is not None
    return [each for each in entry.timeline.entries if type(each) is kind]


async def test_a_call_leaves_its_timeline(serve: Any, dial: Any, puppet: Any, until: Any) -> None:
    server = await serve()
    client = await dial(server, additional_headers={"traceparent": "00-1-2-3" + "x" * 100})
    await client.setup(labels={"team": "a"})
    puppet.hears = [events.ActivityStarted(0.0)]
    await client.audio(bytes(32_000))
    await puppet.latest.told(events.Audio)
    puppet.hears = [events.ActivityEnded(1.5), events.InputTranscript("hello there", final=True)]
    await client.audio(bytes(32_000))
    await client.turn()
    client.vanish()
    await until(lambda: server.sessions == 0)
    entry = await kept(server)
    (turn,), (activity,) = of(entry, Turn), of(entry, Activity)
    assert (turn.outcome, turn.spoken, turn.usage) == ("complete", 0.75, entry.record.usage)
    assert (activity.offset, activity.end_offset) == (0.0, 1.5)
    assert turn.at <= turn.first <= turn.complete <= turn.ended <= entry.record.seconds
    assert turn.latency is not None
    assert turn.cost is not None
    assert turn.cost.amount == 0, "the owner's own hardware"
    assert [stage.engine for stage in of(entry, Stage)] == ["puppet"]
    assert [(words.characters, words.text) for words in of(entry, Words)] == [(11, "")]
    remarks = [(each.about, each.text) for each in of(entry, Remark)]
    assert ("note", "ignored, not supported: setup.labels") in remarks
    assert any(about == "route" for about, _ in remarks)
    assert entry.timeline is not None
    assert entry.timeline.recording is None
    assert len(entry.timeline.trace) == 55, "no more of a header than means something"
    assert not (Path(server.config.data_dir) / FOLDER).exists()


async def test_words_are_kept_where_the_owner_wants_it(serve: Any, dial: Any, until: Any) -> None:
    server = await serve(telemetry=TelemetryConfig(content=True))
    client = await dial(server)
    await client.setup()
    await client.text("what is it?")
    await client.turn()
    client.vanish()
    await until(lambda: server.sessions == 0)
    entry = await kept(server)
    assert [words.text for words in of(entry, Words)] == ["what is it?"]
    assert of(entry, Turn)[0].text == "what is it?"


async def record_call(server: Any, dial: Any, until: Any, **setup: Any) -> Entry:
    client = await dial(server)
    await client.setup(**setup)
    for _ in range(10):
        await client.audio(np.full(320, 500, "<i2").tobytes())
    await client.text("hello")
    await client.turn()
    client.vanish()
    await until(lambda: server.sessions == 0)
    return await kept(server)


async def test_who_agreed_is_recorded(serve: Any, dial: Any, puppet: Any, until: Any) -> None:
    puppet.chunks = [LOUD] * 3
    server = await serve(recording=CONSENTED)
    entry = await record_call(server, dial, until, labels={"antiphon_record": "yes"})
    assert entry.timeline is not None
    assert isinstance(entry.timeline.recording, Recording)
    assert entry.timeline.recording.why == "consented"
    assert "setup.labels" not in json.dumps(entry.record.ignored), "the label was heeded"
    folder = Path(server.config.data_dir) / FOLDER / entry.record.session_id
    user, model = (read_wav(folder / name) for name in entry.timeline.recording.files)
    assert (user.rate, model.rate) == (16_000, 24_000)
    assert user.pcm.count(np.full(3_200, 500, "<i2").tobytes()) == 1
    # The client left at once: what it was sent beyond the end of the call it never heard.
    heard = np.frombuffer(model.pcm, "<i2")
    assert len(heard) <= (entry.record.seconds + 0.01) * 24_000
    assert set(np.unique(heard)) <= {0, 1000}


async def test_nobody_else_is(serve: Any, dial: Any, until: Any) -> None:
    server = await serve(recording=CONSENTED)
    entry = await record_call(server, dial, until)
    assert entry.timeline is not None
    assert entry.timeline.recording is None
    assert not (Path(server.config.data_dir) / FOLDER).exists()
