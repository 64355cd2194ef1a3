"""The recogniser that keeps, the brain that hears, and the model as its own recogniser."""

from collections.abc import Callable
from typing import Any

import pytest

from antiphon.engines.cascade.brain.language_model.brain import LanguageModelBrain
from antiphon.engines.cascade.parts import Hypothesis, Prompt, RecogniserFailed, RecognitionContext, Say
from antiphon.engines.native.omni.hearing import HearingBrain, KeepingRecogniser, ModelRecogniser
from antiphon.engines.native.omni.sounds import Sounds
from antiphon.live.history import user

Noise = Callable[..., bytes]
CONTEXT = RecognitionContext()


async def said(brain: HearingBrain, prompt: Prompt) -> str:
    """All words of a reply."""
    return "".join([thought.text async for thought in brain.reply(prompt) if isinstance(thought, Say)])


async def test_the_brain_hears_what_the_recogniser_read(model: Any, noise: Noise) -> None:
    sounds = Sounds(60)
    recogniser = KeepingRecogniser(ModelRecogniser(model), sounds)
    utterance = recogniser.utterance(CONTEXT)
    utterance.feed(noise(0.5))
    assert (await utterance.finish()).text == "heard 500 ms"
    utterance.feed(noise(0.5))
    words = (await utterance.finish()).text
    await utterance.aclose()
    brain = HearingBrain(LanguageModelBrain(model), sounds)
    assert await said(brain, Prompt((user(words),))) == "heard 1000 ms"
    assert await said(brain, Prompt((user("typed"),))) == "heard"


async def test_sessions_do_not_hear_each_other(model: Any, noise: Noise) -> None:
    one, two = Sounds(60), Sounds(60)
    utterance = KeepingRecogniser(ModelRecogniser(model), one).utterance(CONTEXT)
    utterance.feed(noise(0.5))
    words = (await utterance.finish()).text
    assert await said(HearingBrain(LanguageModelBrain(model), two), Prompt((user(words),))) == "heard"


async def test_where_nothing_was_read_nothing_is_kept(model: Any, noise: Noise) -> None:
    model.silent = True
    sounds = Sounds(60)
    utterance = KeepingRecogniser(ModelRecogniser(model), sounds).utterance(CONTEXT)
    utterance.feed(noise(0.5))
    assert (await utterance.finish()).text == ""
    assert sounds.heard((user(""),)) == (user(""),)


async def test_a_click_is_not_worth_a_request(model: Any, noise: Noise) -> None:
    utterance = ModelRecogniser(model).utterance(CONTEXT)
    utterance.feed(noise(0.05))
    assert await utterance.finish() == Hypothesis("")
    assert model.requests == []


async def test_what_the_model_is_asked_to_write_down(model: Any, noise: Noise, sounds_of: Any) -> None:
    utterance = ModelRecogniser(model).utterance(CONTEXT)
    utterance.feed(noise(1.0))
    await utterance.finish()
    (request,) = model.requests
    assert sounds_of(request) == [noise(1.0)]
    assert request.temperature == 0
    assert "Write down exactly" in request.messages[0].parts[1].text
    assert (await utterance.partial()).text == ""


async def test_a_model_that_fails_is_a_recogniser_that_fails(model: Any, noise: Noise) -> None:
    model.failure = "no memory"
    utterance = ModelRecogniser(model).utterance(CONTEXT)
    utterance.feed(noise(1.0))
    with pytest.raises(RecogniserFailed, match="no memory"):
        await utterance.finish()
