"""Talks to a Live API server with an unmodified google-genai in Vertex mode, and prints what happened as JSON.

The environment says where the server is (GOOGLE_GEMINI_BASE_URL, SSL_CERT_FILE, GOOGLE_API_KEY). Each scenario is one
way to be sent there; one that raises is reported as ``{"error": ...}``.
"""

import asyncio
import json
import os
import traceback
from unittest import mock

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

HTTPS = os.environ.pop("GOOGLE_GEMINI_BASE_URL")
WSS = HTTPS.replace("https", "wss", 1)
KEY = os.environ.pop("GOOGLE_API_KEY")
MODEL = "gemini-live-2.5-flash-native-audio"
LIGHTS = types.FunctionDeclaration(
    name="turn_on_the_lights", parameters=types.Schema(type="OBJECT", properties={"room": types.Schema(type="STRING")})
)


async def talk(**options):
    """A function call, answered without its id, and what is said then."""
    return await converse(genai.Client(vertexai=True, **options))


async def talk_by_environment(environment, **options):
    """The same, of a program that does not say where it is sent."""
    with mock.patch.dict(os.environ, {**environment, "GOOGLE_API_KEY": KEY}):
        client = genai.Client(**options)
    return await converse(client)


async def converse(client):
    config = {
        "response_modalities": ["AUDIO"],
        "output_audio_transcription": {},
        "tools": [types.Tool(function_declarations=[LIGHTS])],
    }
    facts = {"calls": [], "said": "", "types": set(), "audio": 0}
    async with client.aio.live.connect(model=MODEL, config=config) as session:
        facts["session"] = session.session_id
        turns = types.Content(role="user", parts=[types.Part(text="Please turn on the lights in the kitchen.")])
        await session.send_client_content(turns=turns, turn_complete=True)
        async for message in session.receive():
            for call in message.tool_call.function_calls if message.tool_call else ():
                facts["calls"].append(call.name)
                answer = types.FunctionResponse(name=call.name, response={"result": "the lights are on"})
                await session.send_tool_response(function_responses=[answer])
            take(message, facts)
    return {**facts, "types": sorted(facts["types"])}


def take(message, facts):
    content = message.server_content
    if message.usage_metadata:
        facts["usage"] = message.usage_metadata.response_token_count
        facts["modalities"] = [each.modality.value for each in message.usage_metadata.response_tokens_details]
        facts["traffic"] = message.usage_metadata.traffic_type.value
    for part in (content.model_turn.parts if content and content.model_turn else None) or []:
        facts["types"].add(part.inline_data.mime_type)
        facts["audio"] += len(part.inline_data.data)
    if content and content.output_transcription and content.output_transcription.text:
        facts["said"] += content.output_transcription.text


SCENARIOS = {
    "environment": lambda: talk_by_environment(
        {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_GEMINI_BASE_URL": HTTPS},
    ),
    "vertex_environment": lambda: talk_by_environment({"GOOGLE_VERTEX_BASE_URL": HTTPS}, vertexai=True),
    "express": lambda: talk(api_key=KEY, http_options={"base_url": HTTPS}),
    "project": lambda: talk(
        project="p", location="us-central1", credentials=Credentials(token=KEY), http_options={"base_url": HTTPS}
    ),
    "root": lambda: talk(http_options={"base_url": WSS + "/"}),
    "own_path": lambda: talk(http_options={"base_url": WSS + "/gateway/live"}),
    "whole_path": lambda: talk(
        http_options={"base_url": WSS + "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"}
    ),
}


async def attempt(scenario):
    try:
        async with asyncio.timeout(30):
            return await scenario()
    except Exception:
        return {"error": traceback.format_exc()}


async def main():
    results = await asyncio.gather(*map(attempt, SCENARIOS.values()))
    print(json.dumps(dict(zip(SCENARIOS, results, strict=True))))


asyncio.run(main())
