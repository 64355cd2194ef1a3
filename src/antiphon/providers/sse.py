"""Server-sent events, out of bytes in any pieces (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from collections.abc import Iterator

MAX_EVENT = 8 << 20
"""Bytes of one event, line ends included."""


class EventTooLarge(ValueError):
    """An event exceeds :data:`MAX_EVENT`."""


class Events:
    """Takes bytes piece by piece and returns the data of the events they complete; other fields are passed over."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._first = True

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The data of each event that ends in ``piece``; lines of one event are joined by a line feed.

        Raises:
            EventTooLarge: somebody sends an event without end.
        """
        self._rest += piece
        while (line := self._line()) is not None:
            if line:
                self._take(line)
            elif self._data:
                yield self._complete()
        if len(self._rest) + self._size > MAX_EVENT:
            raise EventTooLarge(f"an event exceeds {MAX_EVENT} bytes")

    def flush(self) -> Iterator[bytes]:
        """The last event, where the stream ended without the empty line: some servers do."""
        if self._rest:
            self._take(bytes(self._rest))
            self._rest.clear()
        if self._data:
            yield self._complete()

    def _line(self) -> bytes | None:
        """The next whole line, without its end; a carriage return at the very end may be half of one."""
        ends = [at for at in (self._rest.find(b"\n"), self._rest.find(b"\r")) if at >= 0]
        if not ends:
            return None
        end = min(ends)
        after = end + 1
        if self._rest[end] == 0x0D:
            if after == len(self._rest):
                return None
            after += self._rest[after] == 0x0A
        line = bytes(self._rest[:end])
        del self._rest[:after]
        if self._first:
            line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
        return line

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)

    def _complete(self) -> bytes:
        data = b"\n".join(self._data)
        self._data, self._size = [], 0
        return data
