"""Talks to a Live API server with an unmodified google-genai, of any version, and prints what happened as JSON.

    converse.py SPEECH_FOLDER [SCENARIO ...]

The environment says where the server is (GOOGLE_GEMINI_BASE_URL, SSL_CERT_FILE, GOOGLE_API_KEY); nothing is patched.
Each scenario is a session of its own. A scenario that raises is reported as ``{"error": ...}``.
"""

import asyncio
import json
import sys
import time
import traceback
import wave
from contextlib import asynccontextmanager
from pathlib import Path

from google import genai
from google.genai import types

MODEL = "gemini-3.8-live"
RATE = 16_000
CHUNK_SECONDS = 0.02
CHUNK_BYTES = 2 * int(RATE * CHUNK_SECONDS)
LONG_QUESTION = "What can you do?"
LIGHTS = types.FunctionDeclaration(
    name="turn_on_the_lights",
    description="Turns on the lights in a room.",
    parameters=types.Schema(
        type="OBJECT", properties={"room": types.Schema(type="STRING", description="The room.")}, required=["room"]
    ),
)

client = genai.Client()
speech = Path(sys.argv[1])
# The server under test recognises two people at once.
voices = asyncio.Semaphore(2)


def connect(**config):
    """A session that answers aloud and transcribes both sides."""
    settings = {"response_modalities": ["AUDIO"], "input_audio_transcription": {}, "output_audio_transcription": {}}
    return client.aio.live.connect(model=MODEL, config={**settings, **config})


class Turn:
    """What the messages of one turn amount to. ``order`` has each kind of content at its first appearance."""

    def __init__(self):
        self.heard = ""
        self.said = ""
        self.audio_bytes = 0
        self.order = []
        self.usage = None
        self.calls = []

    def take(self, message):
        content = message.server_content
        if message.tool_call:
            self._see("tool_call")
            self.calls += message.tool_call.function_calls
        if message.usage_metadata:
            self.usage = message.usage_metadata.total_token_count
        if content:
            self._take_content(content)

    def _take_content(self, content):
        if content.input_transcription and content.input_transcription.text:
            self.heard += content.input_transcription.text
            self._see("heard")
        for part in (content.model_turn.parts if content.model_turn else None) or []:
            if part.inline_data:
                self.audio_bytes += len(part.inline_data.data)
                self._see("audio")
        if content.output_transcription and content.output_transcription.text:
            self.said += content.output_transcription.text
            self._see("said")
        for flag in ("interrupted", "generation_complete", "turn_complete"):
            if getattr(content, flag):
                self._see(flag)

    def _see(self, kind):
        if kind not in self.order:
            self.order.append(kind)

    def facts(self):
        return {
            "heard": self.heard,
            "said": self.said,
            "audio_seconds": self.audio_bytes / (2 * 24_000),
            "order": self.order,
            "usage": self.usage,
            "calls": [{"id": call.id, "name": call.name, "args": call.args} for call in self.calls],
        }


async def listen(session, turn=None):
    """Everything until the turn is complete, which is where ``receive`` ends."""
    turn = turn or Turn()
    async for message in session.receive():
        turn.take(message)
    return turn.facts()


async def say(session, name):
    """Speak a WAV file as a microphone would deliver it."""
    with wave.open(str(speech / f"{name}.wav")) as file:
        sound = file.readframes(file.getnframes())
    await send_paced(session, [sound[at : at + CHUNK_BYTES] for at in range(0, len(sound), CHUNK_BYTES)])


async def send_paced(session, chunks):
    began = time.monotonic()
    for number, chunk in enumerate(chunks, start=1):
        await asyncio.sleep(began + number * CHUNK_SECONDS - time.monotonic())
        audio = types.Blob(data=chunk, mime_type=f"audio/pcm;rate={RATE}")
        await session.send_realtime_input(audio=audio)


@asynccontextmanager
async def speaking(session, name):
    """Speak, then let the microphone deliver silence until the block ends."""

    async def microphone():
        await say(session, name)
        while True:
            await send_paced(session, [bytes(CHUNK_BYTES)])

    task = asyncio.create_task(microphone())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def text():
    """Realtime text."""
    async with connect() as session:
        await session.send_realtime_input(text="What is two plus three?")
        return await listen(session)


async def content():
    """A turn of client content."""
    async with connect() as session:
        turns = types.Content(role="user", parts=[types.Part(text="What is two plus three?")])
        await session.send_client_content(turns=turns, turn_complete=True)
        return await listen(session)


async def spoken():
    """A spoken question; the server finds its end."""
    async with voices, connect() as session, speaking(session, "what_is_two_plus_three"):
        return await listen(session)


async def barge_in():
    """A long answer is interrupted by speaking, and the interruption is answered."""
    async with voices, connect() as session:
        await session.send_realtime_input(text=LONG_QUESTION)
        interrupted = Turn()
        async for message in session.receive():
            interrupted.take(message)
            if interrupted.audio_bytes:
                break
        async with speaking(session, "what_is_two_plus_three"):
            return {"interrupted": await listen(session, interrupted), "answered": await listen(session)}


async def manual():
    """The client says where speech begins and ends."""
    manually = {"automatic_activity_detection": {"disabled": True}}
    async with voices, connect(realtime_input_config=manually) as session:
        await session.send_realtime_input(activity_start=types.ActivityStart())
        await say(session, "what_is_two_plus_three")
        await session.send_realtime_input(activity_end=types.ActivityEnd())
        return await listen(session)


async def memory():
    """Two turns of one session."""
    async with connect() as session:
        await session.send_realtime_input(text="My name is Alice.")
        first = await listen(session)
        await session.send_realtime_input(text="What is my name?")
        return {"first": first, "second": await listen(session)}


async def function():
    """The model calls a function, is answered and speaks about it."""
    async with connect(tools=[types.Tool(function_declarations=[LIGHTS])]) as session:
        await session.send_realtime_input(text="Please turn on the lights in the kitchen.")
        turn = Turn()
        async for message in session.receive():
            turn.take(message)
            for call in message.tool_call.function_calls if message.tool_call else ():
                answer = types.FunctionResponse(id=call.id, name=call.name, response={"result": "the lights are on"})
                await session.send_tool_response(function_responses=[answer])
        return turn.facts()


async def bad_model():
    """A model nobody has; what the SDK makes of the refusal."""
    try:
        async with client.aio.live.connect(model="gemini-of-nobody", config={"response_modalities": ["AUDIO"]}):
            return {"code": None, "reason": "the session opened"}
    except genai.errors.APIError as error:
        return {"code": error.code, "reason": str(error)}


async def models():
    """The list of models."""
    return [model.name async for model in await client.aio.models.list()]


async def tokens():
    """How many tokens a text has, for a model by its own name."""
    model = await client.aio.models.get(model=MODEL)
    counted = await client.aio.models.count_tokens(model=MODEL, contents="x" * 40)
    return {"model": model.name, "total": counted.total_tokens}


SCENARIOS = (text, content, spoken, barge_in, manual, memory, function, bad_model, models, tokens)


async def attempt(scenario):
    try:
        async with asyncio.timeout(30):
            return await scenario()
    except Exception:
        return {"error": traceback.format_exc()}


async def main(names):
    chosen = [scenario for scenario in SCENARIOS if scenario.__name__ in names or not names]
    results = await asyncio.gather(*map(attempt, chosen))
    facts = {scenario.__name__: result for scenario, result in zip(chosen, results, strict=True)}
    print(json.dumps({"sdk": f"google-genai {genai.__version__}", **facts}))


asyncio.run(main(sys.argv[2:]))
