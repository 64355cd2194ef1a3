"""The video gate: frames pass around speech, and with what is typed."""

from antiphon.live.events import Image


class VideoGate:
    """Decides which frames of one call pass. Times are seconds of any steady clock."""

    def __init__(self, tail: float) -> None:
        self.passed = self.saved = 0
        self._tail = tail
        self._newest: Image | None = None
        self._until = float("-inf")

    def show(self, image: Image, now: float) -> list[Image]:
        """Take a frame; returns it if it passes now, else keeps it until a newer one comes."""
        if now <= self._until:
            self._newest = None
            self.passed += 1
            return [image]
        self.saved += 1
        self._newest = image
        return []

    def attend(self, now: float) -> list[Image]:
        """Somebody speaks or writes: returns what they are looking at, if it has not passed yet."""
        self._until = now + self._tail
        if self._newest is None:
            return []
        image, self._newest = self._newest, None
        self.saved -= 1
        self.passed += 1
        return [image]
