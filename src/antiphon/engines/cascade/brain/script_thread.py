"""Where a script stands: which user turn is being answered, and after which of its calls.

A function that is not waited for may answer when the user has long said something else. Its result belongs to the turn
that it was called for: that is where the script goes on.
"""

from collections.abc import Sequence

from msgspec import Struct, UnsetType

from antiphon.engines.cascade.brain.errands import meanwhile, runs
from antiphon.engines.cascade.brain.results import spoken_result
from antiphon.engines.cascade.brain.script_file import Step
from antiphon.engines.cascade.brain.skill import is_result, spoken
from antiphon.engines.cascade.parts import Say
from antiphon.live.history import FunctionCall, FunctionResult, History, Turn


class Thread(Struct, frozen=True):
    """What is to be answered.

    ``turns`` are the user's, up to the one that this is about; none when results came to a call that nobody remembers.
    ``came`` are the results that came last, those of the turn's call number ``call``, -1 for the user's own words.
    ``results`` has the newest result of each function called for the turn, ``calls`` the ids of each call.
    """

    turns: tuple[str, ...] = ()
    calls: tuple[tuple[str, ...], ...] = ()
    call: int = -1
    came: tuple[FunctionResult, ...] = ()
    results: tuple[FunctionResult, ...] = ()


class _Reader:
    """Reads a history, oldest turn first."""

    def __init__(self) -> None:
        self.turns: list[str] = []
        self._calls: dict[int, list[tuple[str, ...]]] = {}
        self._owners: dict[str, tuple[int, int]] = {}
        self._results: dict[str, FunctionResult] = {}
        self._turn, self._call = 0, -1
        self._came: tuple[FunctionResult, ...] = ()

    def read(self, turn: Turn) -> None:
        """Take the next turn."""
        if is_result(turn):
            self._read_results(turn)
        elif turn.role == "user":
            self.turns.append(spoken(turn))
            self._turn, self._call, self._came = len(self.turns), -1, ()
        elif ids := tuple(part.id for part in turn.parts if isinstance(part, FunctionCall)):
            made = self._calls.setdefault(self._turn, [])
            self._owners |= dict.fromkeys(ids, (self._turn, len(made)))
            made.append(ids)

    def thread(self) -> Thread:
        """What the history ends with."""
        calls = self._calls.get(self._turn, [])
        results = (self._results[one] for ids in calls for one in ids if one in self._results)
        return Thread(tuple(self.turns[: self._turn]), tuple(calls), self._call, self._came, tuple(results))

    def _read_results(self, turn: Turn) -> None:
        self._came = tuple(part for part in turn.parts if isinstance(part, FunctionResult))
        self._results |= {result.id: result for result in self._came}
        owners = [self._owners[result.id] for result in self._came if result.id in self._owners]
        self._turn, self._call = owners[-1] if owners else (0, -1)


def current_thread(history: History) -> Thread:
    """What the end of a history is about."""
    reader = _Reader()
    for turn in history:
        reader.read(turn)
    return reader.thread()


def remaining(steps: Sequence[Step], thread: Thread) -> list[Step | Say]:
    """The steps still to do, and words to say as they are: first what belongs to the call whose results came."""
    if thread.call < 0:
        return [_told(thread.came)] if thread.came else list(steps)
    calls = [at for at, step in enumerate(steps) if step.calls]
    if thread.call >= len(calls):
        # The built-in brain called it, and knows what to say.
        return list(steps[calls[-1] + 1 :] if calls else steps)
    at = calls[thread.call]
    if failed := [result for result in thread.came if _failed(result, steps[at])]:
        return [_told(failed)]
    if any(_unanswered(one, thread) for one in thread.calls[thread.call]):
        return _while_it_runs(steps[at], thread)
    is_last = thread.call == len(thread.calls) - 1
    return [*_after(steps[at]), *(steps[at + 1 :] if is_last else ())]


def _told(results: Sequence[FunctionResult]) -> Say:
    return Say(" ".join(dict.fromkeys(spoken_result(result) for result in results)))


def _failed(result: FunctionResult, step: Step) -> bool:
    """Whether a function failed and its step has no words for that."""
    foreseen = not isinstance(step.after, UnsetType) and ".error" in step.after
    return bool(result.response.get("error")) and not foreseen


def _unanswered(call_id: str, thread: Thread) -> bool:
    return not any(result.id == call_id and not runs(result) for result in thread.results)


def _while_it_runs(step: Step, thread: Thread) -> list[Step | Say]:
    """What is said once, when it begins; of several functions those that are ready wait for the others."""
    names = [result.name for result in thread.came if runs(result)]
    if not names:
        return []
    return [Say(meanwhile(names)) if isinstance(step.meanwhile, UnsetType) else Step(say=step.meanwhile)]


def _after(step: Step) -> list[Step]:
    return [] if isinstance(step.after, UnsetType) else [Step(say=step.after)]
