"""How a serialized session is put into the text that Beaker hands over. Pure."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import NamedTuple

from ..codec import SessionText
from ..snapshot import Format


class Envelope(NamedTuple):
    """Base64 where nothing else is said, and encryption where a session class tells its own.

    Attributes:
        unwrap: from the text to the serialized session.
        wrap: and back.
        formats: serializers of the application's own.
    """

    unwrap: Callable[[str], bytes]
    wrap: Callable[[bytes], str]
    formats: tuple[Format, ...] = ()

    def inside(self, text: str) -> bytes:
        """The serialized session; nothing, which no format reads, where it cannot be unwrapped."""
        try:
            return self.unwrap(text)
        except Exception:  # noqa: BLE001  # decryption, by a module that the application chooses
            return b""


BASE64 = Envelope(
    unwrap=lambda text: b64decode(text, validate=True),
    wrap=lambda inside: SessionText.around(inside).text,
)
