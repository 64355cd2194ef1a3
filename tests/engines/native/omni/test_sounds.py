"""Which words get their sound back, and how much of it is kept."""

from antiphon.engines.cascade.brain.language_model.messages import Said, messages
from antiphon.engines.native.omni.sounds import Heard, Sound, Sounds
from antiphon.live.history import Picture, Turn, Words, model, user

SECOND = 32_000


def kept(*sounds: tuple[str, float], limit: float = 60.0) -> Sounds:
    """Sounds of these texts and lengths; the bytes of each count from 1."""
    store = Sounds(limit)
    for number, (text, seconds) in enumerate(sounds, 1):
        store.keep(Sound(text, bytes([number]) * int(seconds * SECOND)))
    return store


def spoken(history: tuple[Turn, ...]) -> list[int]:
    """Which sound each user turn has; 0 for none."""
    parts = [turn.parts[-1] for turn in history if turn.role == "user"]
    return [part.pcm[0] if isinstance(part, Heard) else 0 for part in parts]


def test_words_get_the_sound_they_were_read_from() -> None:
    store = kept(("hello", 1), ("what time is it", 2))
    history = (user("hello"), model("hello"), user("a typed one"), model("Yes"), user("what time is it"))
    found = store.heard(history)
    assert spoken(found) == [1, 0, 2]
    assert [turn.text for turn in found] == [turn.text for turn in history]


def test_the_same_words_said_twice_keep_their_order() -> None:
    store = kept(("yes", 1), ("yes", 1))
    assert spoken(store.heard((user("yes"), model("?"), user("yes")))) == [1, 2]
    assert spoken(store.heard((user("yes"),))) == [2]


def test_what_is_older_than_the_limit_is_words_again() -> None:
    store = kept(("one", 2), ("two", 2), ("three", 2), limit=4.5)
    assert spoken(store.heard((user("one"), user("two"), user("three")))) == [0, 2, 3]


def test_a_speech_longer_than_the_limit_keeps_its_end() -> None:
    store = Sounds(1.0)
    store.keep(Sound("long", b"\1\0" * SECOND + b"\2\0" * (SECOND // 2)))
    ((part,),) = [turn.parts for turn in store.heard((user("long"),))]
    assert isinstance(part, Heard)
    assert part.pcm == b"\2\0" * (SECOND // 2)
    assert part.seconds == 1.0


def test_an_utterance_that_goes_on_is_kept_once() -> None:
    store, sound = Sounds(60), Sound("what is", b"\1" * SECOND)
    store.keep(sound)
    sound.text, sound.pcm = "what is that", b"\1" * 2 * SECOND
    store.keep(sound)
    assert spoken(store.heard((user("what is"), user("what is that")))) == [0, 1]


def test_pictures_and_the_model_stay_as_they_are() -> None:
    store = kept(("look", 1))
    turn = Turn("user", (Picture("image/png", b"x"), Words("look")))
    found = store.heard((model("look"), turn))
    assert found[0] == model("look")
    assert found[1].parts[0] == Picture("image/png", b"x")
    assert isinstance(found[1].parts[1], Heard)


def test_sound_survives_being_put_among_other_words() -> None:
    store = kept(("and now", 1))
    (said,) = messages(store.heard((user("Typed."), user("and now"))))
    assert isinstance(said, Said)
    assert [type(part) for part in said.parts] == [Words, Heard]
