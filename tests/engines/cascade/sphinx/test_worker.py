import subprocess
import sys
from collections.abc import Callable

from antiphon.engines.cascade.process import WorkerProcess
from antiphon.engines.cascade.sphinx.recogniser import WORKER


async def test_the_child_answers_in_order(speak: Callable[[str], bytes]) -> None:
    worker = WorkerProcess(WORKER)
    await worker.start()
    pcm = speak("stop")
    worker.send({"prepare": ["turn on the lights"]})
    worker.send({"begin": ["turn on the lights"], "mean": ""})
    worker.send({"sound": pcm})
    worker.send({"partial": 6})
    worker.send({"finish": 7})
    worker.send({"end": True})
    worker.send({"begin": [], "mean": ""})
    worker.send({"finish": 8})
    assert await worker.receive() == {"heard": len(pcm)}
    assert await worker.receive() == {"text": "", "partial": 6}, "the mean is not measured yet, so nothing is decoded"
    assert await worker.receive() == {"text": "stop", "finish": 7, "mean": ""}
    assert await worker.receive() == {"text": "", "finish": 8, "mean": ""}
    await worker.aclose()
    assert not worker.alive


def test_without_pocketsphinx_the_remedy_is_named() -> None:
    code = (
        "import sys; sys.modules['pocketsphinx'] = None\n"
        "from antiphon.engines.cascade.process import serve\n"
        "from antiphon.engines.cascade.sphinx.worker import run\n"
        "serve(run)"
    )
    result = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert b"pip install pocketsphinx" in result.stdout
    assert b"error" in result.stdout
