"""What a session costs in memory, and whether it is given back.

A server process with the default engine; its resident memory with none, with idle sessions, after each has sent
sound, and after all have left, three times: the allocator keeps some of what it got, but what a
later crowd adds to what stayed of the one before would be a leak.
"""

import asyncio

from antiphon.wire.gemini import client
from bench.child import ServerProcess, serving
from bench.load import Caller, Crowd, connect, disconnect, faint, setup
from bench.report import Cell, Sizes, Table

SESSIONS = 400
SECONDS = 5.0
CHUNK_MS = 20
_INSTRUCTION = (
    "You are the voice assistant of a smart home. Help with lights, timers, alarms, music, messages and the weather. "
    "Rooms: living room, kitchen, bedroom, bathroom, hall."
)
_SETTLE = 1.0


def _wanted() -> client.Setup:
    """A setup as an application has it."""
    schema = {"type": "OBJECT", "properties": {"room": {"type": "STRING"}, "on": {"type": "BOOLEAN"}}}
    function = client.FunctionDeclaration(name="set_lights", description="Turns lights on or off.", parameters=schema)
    wanted = setup()
    wanted.system_instruction = client.Content(parts=[client.Part(text=_INSTRUCTION)])
    wanted.tools = [client.Tool(function_declarations=[function])]
    return wanted


async def run(sizes: Sizes) -> Table:
    """Three crowds, one after the other."""
    count = sizes.sessions or SESSIONS
    table = Table("Memory of the server process", ("moment", "sessions", "resident MB", "KB a session"))
    async with serving("default", loop=sizes.loop) as server:
        await _crowd(server, 1, 0.5)  # whatever is made once for the first session
        empty = server.memory()
        table.rows.append(("nobody yet", 0, empty / 1e6, ""))
        for name in ("first", "second", "third"):
            for moment, people, resident in await _crowd(server, count, sizes.seconds or SECONDS):
                each: Cell = (resident - empty) / people / 1000 if people else ""
                table.rows.append((f"{name} crowd, {moment}", people, resident / 1e6, each))
    return table


async def _crowd(server: ServerProcess, count: int, seconds: float) -> list[tuple[str, int, int]]:
    """Resident memory with ``count`` sessions idle, after ``seconds`` of sound, and after they left."""
    callers = [Caller(server.url, _wanted()) for _ in range(count)]
    settle = min(_SETTLE, seconds)
    await connect(callers, server.port)
    await asyncio.sleep(settle)
    idle = server.memory()
    await Crowd(callers, [faint(CHUNK_MS)] * count, CHUNK_MS).send(seconds)
    await asyncio.sleep(settle)
    listening = server.memory()
    await disconnect(callers)
    await asyncio.sleep(settle)
    return [("idle", count, idle), ("after sound", count, listening), ("gone", 0, server.memory())]
