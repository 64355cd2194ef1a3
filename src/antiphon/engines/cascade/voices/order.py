"""What the server asks of the child process of a neural voice."""

from msgspec import Struct


class Order(Struct, frozen=True):
    """A piece of text to speak, by a voice of the API or one of the model's own, in the language of a BCP-47 tag."""

    id: int
    text: str
    voice: str
    language: str
