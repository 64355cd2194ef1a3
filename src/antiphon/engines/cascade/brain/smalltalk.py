"""The least of manners: greetings, thanks, goodbyes, "never mind", "repeat that", "what can you do"."""

from collections.abc import Sequence

from antiphon.engines.cascade.brain.persona import assistant_name
from antiphon.engines.cascade.brain.skill import Ask, last_reply
from antiphon.engines.cascade.brain.words import core, listed, phrase, split_name
from antiphon.engines.cascade.parts import Say
from antiphon.live.setup import Tool

_STOP = {
    "stop", "never mind", "nevermind", "cancel", "cancel that", "forget it", "forget that", "that is enough",
    "enough",
    "be quiet", "quiet", "shut up", "stop it", "stop talking", "stop that", "wait", "hold on", "wait a second",
    "hold on a second", "leave it", "no never mind",
}  # fmt: skip
_GREETINGS = {
    "hello", "hi", "hey", "good morning", "good afternoon", "good evening", "hi there", "hello there", "greetings",
    "say hello", "say hi", "hey there", "howdy", "hello hello", "say hello to me", "good day",
}  # fmt: skip
_PRESENT = {"are you there", "can you hear me", "do you hear me", "hello are you there", "are you still there",
            "test", "testing", "is anyone there", "is anybody there", "is this thing on",
            "this is a test"}  # fmt: skip
_TABLE = (
    ({"how are you", "how are you doing", "how are you today", "how do you do", "how is it going", "are you okay",
      "how are things"}, "I am well, thank you."),
    ({"thank you", "thanks", "thank you very much", "thanks a lot", "thank you so much", "many thanks",
      "thank you ada"}, "You are welcome."),
    ({"goodbye", "bye", "bye bye", "good bye", "see you", "see you later", "good night", "talk to you later",
      "that is all", "see you soon", "see you tomorrow"}, "Goodbye."),
    ({"nice to meet you", "pleased to meet you"}, "Nice to meet you too."),
    ({"yes", "no", "okay", "yeah", "yep", "nope", "sure", "alright", "all right", "fine", "great", "good",
    "very good",
      "that is right", "of course", "i see", "got it", "cool", "perfect", "yes please", "no thank you",
      "no thanks"},
     "Okay."),
    ({"sorry", "i am sorry"}, "No problem."),
)  # fmt: skip
_AGAIN = {
    "repeat that", "repeat", "say that again", "again", "repeat it", "what did you say", "what did you just say",
    "could you repeat that", "can you repeat that", "could you say that again", "can you say that again", "pardon",
    "say it again", "once more", "come again", "i did not hear you", "i did not hear that", "what was that",
    "repeat please", "could you repeat that please", "what", "excuse me",
}  # fmt: skip
_ABILITIES = {
    "what can you do", "what can i ask", "what can i ask you", "help", "help me", "can you help me",
    "what can i say",
    "what are you able to do", "how can you help me", "what do you do", "what can you help me with",
    "what can you do for me", "what else can you do",
}  # fmt: skip
_OWN_ABILITIES = "calculate, convert units, tell the date and time, and remember what you tell me"
_MOST_TOOLS = 5


def control(ask: Ask) -> Say | None:
    """Answer "stop" and "never mind" at once, before anything else could take them for more."""
    return Say("Okay.") if _plain(ask) in _STOP else None


def again(ask: Ask) -> Say | None:
    """Say the last words again."""
    if _plain(ask) not in _AGAIN:
        return None
    return Say(last_reply(ask.before) or "I have not said anything yet.")


def smalltalk(ask: Ask) -> Say | None:
    """Answer a courtesy; None for anything else."""
    words = _plain(ask)
    if words in _GREETINGS:
        return Say(_greeting(ask))
    if words in _PRESENT or words == assistant_name(ask.prompt.system_instruction).lower():
        return Say("I am here.")
    if words in _ABILITIES:
        return Say(_abilities(ask.prompt.tools))
    return next((Say(answer) for phrases, answer in _TABLE if words in phrases), None)


def _plain(ask: Ask) -> str:
    """The utterance without "please", and without the assistant's name at either end."""
    words = tuple(word for word in ask.said.words if word != "please")
    name = phrase(assistant_name(ask.prompt.system_instruction)).words
    if name and len(words) > len(name):
        if words[-len(name) :] == name:
            words = words[: -len(name)]
        elif words[: len(name)] == name:
            words = words[len(name) :]
    text = " ".join(words)
    return text if text in _GREETINGS else " ".join(core(phrase(text)).words)


def _greeting(ask: Ask) -> str:
    words = ask.said.words
    name = assistant_name(ask.prompt.system_instruction)
    hello = " ".join(words[:2]).capitalize() if words[0] == "good" else "Hello"
    return f"{hello}. I am {name}." if name and not last_reply(ask.before) else f"{hello}."


def _abilities(tools: Sequence[Tool]) -> str:
    if not tools:
        return f"I can {_OWN_ABILITIES}."
    names = [" ".join(split_name(tool.name)) for tool in tools[:_MOST_TOOLS]]
    more = len(tools) - len(names)
    names += [f"{more} more"] if more else []
    return f"I can {_OWN_ABILITIES}. I also have these functions: {listed(names)}."
