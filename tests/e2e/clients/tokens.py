"""Makes ephemeral tokens with an unmodified google-genai, talks with them, and prints what happened as JSON.

The environment says where the server is (GOOGLE_GEMINI_BASE_URL, SSL_CERT_FILE, GOOGLE_API_KEY). A scenario that
raises is reported as ``{"error": ...}``.
"""

import asyncio
import json
import traceback

from google import genai
from google.genai import types

ALPHA = types.HttpOptions(api_version="v1alpha")
MODEL = "gemini-3.8-live"
CONFIG = {"response_modalities": ["AUDIO"], "output_audio_transcription": {}}
CONSTRAINTS = {"model": MODEL, "config": CONFIG}

maker = genai.Client(http_options=ALPHA)


async def make(**config):
    """The name of a new token."""
    token = await maker.aio.auth_tokens.create(config=config)
    return token.name


async def say(token, text, **config):
    """What is said to ``text`` in a session of its own, opened with nothing but the token."""
    holder = genai.Client(api_key=token, http_options=ALPHA)
    async with holder.aio.live.connect(model=MODEL, config={**CONFIG, **config}) as session:
        await session.send_realtime_input(text=text)
        said, audio = "", 0
        async for message in session.receive():
            audio += len(message.data or b"")
            content = message.server_content
            if content and content.output_transcription and content.output_transcription.text:
                said += content.output_transcription.text
        return {"said": said, "audio": bool(audio)}


async def refusal(work):
    """How the server ends what it does not allow."""
    try:
        return {"not refused": await work}
    except genai.errors.APIError as error:
        return {"code": error.code, "reason": str(error)}


async def once():
    token = await make()
    return {
        "prefix": token.split("/")[0],
        "first": await say(token, "What is two plus three?"),
        "second": await refusal(say(token, "What is two plus three?")),
    }


async def everything_is_locked():
    token = await make(live_connect_constraints=CONSTRAINTS)
    return await say(token, "What is two plus three?", output_audio_transcription=None)


async def what_is_set_is_locked():
    constraints = {"config": {"output_audio_transcription": {}, "temperature": 0.5}}
    token = await make(live_connect_constraints=constraints, lock_additional_fields=[])
    return await say(token, "What is two plus three?", output_audio_transcription=None, temperature=0.1)


async def a_default_is_locked():
    token = await make(uses=0, lock_additional_fields=["output_audio_transcription", "temperature"])
    return [await say(token, "What is two plus three?") for _ in range(2)]


async def resumed():
    token = await make(live_connect_constraints={"model": MODEL, "config": {**CONFIG, "session_resumption": {}}})
    holder = genai.Client(api_key=token, http_options=ALPHA)
    async with holder.aio.live.connect(model=MODEL, config=CONFIG) as session:
        await session.send_realtime_input(text="My name is Alice.")
        handle = await handle_after_turn(session)
    return await say(token, "What is my name?", session_resumption={"handle": handle})


async def handle_after_turn(session):
    """The first handle that holds the turn."""
    complete = False
    while True:
        async for message in session.receive():
            update, content = message.session_resumption_update, message.server_content
            complete = complete or bool(content and content.turn_complete)
            if complete and update and update.new_handle:
                return update.new_handle


async def a_mistake():
    return await refusal(make(lock_additional_fields=["temprature"]))


async def a_token_makes_no_tokens():
    holder = genai.Client(api_key=await make(), http_options=ALPHA)
    try:
        await holder.aio.auth_tokens.create()
    except Exception as error:
        return {"kind": type(error).__name__}


SCENARIOS = [
    once,
    everything_is_locked,
    what_is_set_is_locked,
    a_default_is_locked,
    resumed,
    a_mistake,
    a_token_makes_no_tokens,
]


async def attempt(scenario):
    """The facts of one scenario."""
    try:
        async with asyncio.timeout(30):
            return await scenario()
    except Exception:
        return {"error": traceback.format_exc()}


async def main():
    facts = await asyncio.gather(*map(attempt, SCENARIOS))
    named = {scenario.__name__: fact for scenario, fact in zip(SCENARIOS, facts, strict=True)}
    print(json.dumps({"sdk": f"google-genai {genai.__version__}", **named}))


asyncio.run(main())
