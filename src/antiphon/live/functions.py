"""Function calls in a dialogue: made by the model, answered by the client, or given up.

A function the model waits for keeps its generation open. Any other does so for a moment only, then it gets the result
"running" and the model talks on; what it comes to later is said when its answer asks for it: when the model is idle, at
once, or never.
"""

from abc import abstractmethod

from antiphon.live import agreement
from antiphon.live import events as engine
from antiphon.live.dialogue import Dialogue
from antiphon.live.effects import Note
from antiphon.live.history import RUNNING, FunctionCall, FunctionResult, Turn
from antiphon.live.machine import Model, Trigger
from antiphon.live.tools import Outcome, PendingCall
from antiphon.wire.gemini import client, server


class Calling(Dialogue):
    """A dialogue whose model calls functions."""

    def call(self, event: engine.ToolCalls, now: float) -> None:
        """The model calls functions."""
        if not self._is_current(event.generation, now):
            return
        self._send_transcript(None)
        self.model.move(Trigger.CALL_TOOLS)
        made = tuple(self._add_call(call, now) for call in event.calls)
        self._generation.called(made)
        calls = [client.FunctionCall(id=call.id, name=call.name, args=call.args) for call in made]
        self._send(tool_call=server.ToolCall(function_calls=calls))
        self._filler_at = now + self._policy.filler_delay
        if self._policy.filler_delay == 0:
            self._talk_on(now)

    def _add_call(self, call: FunctionCall, now: float) -> FunctionCall:
        """Note a call, by a name that no other call of the session has."""
        call = FunctionCall(self.calls.unique(call.id), call.name, call.args)
        blocking = all(tool.blocking for tool in self.setup.tools if tool.name == call.name)
        seconds = self._policy.tool_timeout if blocking else self._policy.background_tool_timeout
        self.calls.add(call, blocking=blocking, deadline=now + seconds)
        return call

    def _mark_running(self) -> None:
        self._filler_at = None
        for call_id in self._generation.unanswered:
            pending = self.calls.pending[call_id]
            if not pending.blocking:
                self._generation.answer(FunctionResult(call_id, pending.call.name, RUNNING))

    def _take_answer(self, response: client.FunctionResponse, field: str, now: float) -> client.Scheduling | None:
        """Put an answer where it belongs; returns when it is to be told, if it is one that nobody waited for."""
        scheduling = agreement.scheduling_of(response, field, self.setup.profile, self._policy.strict)
        pending = self.calls.find(response.id, response.name)
        if pending is None:
            self._out.append(Note(f"{field}: ignored, {self.calls.why_not(response.id, response.name)}"))
            return None
        value = response.response
        output = value if isinstance(value, dict) else {"output": value}
        result = FunctionResult(pending.call.id, pending.call.name, output)
        if pending.blocking:
            self.calls.end(pending.call.id, Outcome.ANSWERED)
            self._generation.answer(result)
            return None
        if response.will_continue:
            self.calls.postpone(pending.call.id, now + self._policy.background_tool_timeout)
        else:
            self.calls.end(pending.call.id, Outcome.ANSWERED)
        if self._is_waited_for(result.id):
            self._generation.answer(result)
            return None
        if scheduling is client.Scheduling.SILENT:
            self._append_user(Turn("user", (result,)))
        else:
            self._untold.append(result)
        return scheduling or client.Scheduling.WHEN_IDLE

    def _is_waited_for(self, call_id: str) -> bool:
        """Whether the generation that made the call has not gone on yet."""
        return self.model.state is Model.AWAITING_TOOLS and self._generation.waits_for(call_id)

    def _expire_calls(self, now: float) -> None:
        expired = self.calls.expire(now)
        if not expired:
            return
        ids = [pending.call.id for pending in expired]
        self._out.append(Note(f"toolCall: {', '.join(ids)} expired"))
        self._send(tool_call_cancellation=server.ToolCallCancellation(ids=ids))
        for pending in expired:
            self._give_up(pending)
        self._resume_if_answered(now)
        self._tell_results(now)

    def _give_up(self, pending: PendingCall) -> None:
        policy = self._policy
        seconds = policy.tool_timeout if pending.blocking else policy.background_tool_timeout
        error = {"error": f"no answer within {seconds:g} s"}
        result = FunctionResult(pending.call.id, pending.call.name, error)
        if self._is_waited_for(result.id):
            self._generation.answer(result)
        else:
            self._untold.append(result)

    @abstractmethod
    def _resume_if_answered(self, now: float) -> None:
        """Go on with a generation once every call it waits for has a result."""

    @abstractmethod
    def _tell_results(self, now: float, *, urgent: bool = False) -> None:
        """Have the model tell what functions came to that it did not wait for."""
