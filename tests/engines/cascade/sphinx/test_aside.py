import os
import signal

import pytest

from antiphon.engines.cascade.sphinx.aside import AVAILABLE, Aside, AsideFailed

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="no fork here")


def test_the_answer_comes_back_and_the_original_stays_as_it_was() -> None:
    state = [1]

    def compute() -> object:
        state.append(2)
        return {"state": state, "score": 0.5}

    assert Aside(compute).result() == {"state": [1, 2], "score": 0.5}
    assert state == [1]


def test_two_at_once_and_large_answers() -> None:
    copies = [Aside(lambda: "a" * 300_000), Aside(lambda: "b")]
    assert [len(copy.result()) for copy in copies] == [300_000, 1]


@pytest.mark.parametrize("compute", [lambda: os._exit(0), lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: 1 / 0])
def test_a_copy_that_dies_is_reported(compute: object, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AsideFailed, match="ended with status"):
        Aside(compute).result()  # type: ignore[arg-type]


def test_copies_leave_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    fork = os.fork

    def remembered() -> int:
        made.append(fork())
        return made[-1]

    monkeypatch.setattr(os, "fork", remembered)
    Aside(lambda: None).result()
    with pytest.raises(ChildProcessError):
        os.waitpid(made[0], os.WNOHANG)
