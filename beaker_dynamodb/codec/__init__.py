"""Bytes in, bytes out: an item's `data`, its signature, and the session inside. No I/O."""

from .data import UNREADABLE, Content, decode_value, encode_value
from .formats import PLAIN, Encoding, Format, SessionContent, format_of
from .safe_pickle import read_pickle, type_in_words
from .session import ACCESSED_TIME, CREATION_TIME, SavedSession
from .signature import Field, Signer

__all__ = [
    "ACCESSED_TIME",
    "CREATION_TIME",
    "PLAIN",
    "UNREADABLE",
    "Content",
    "Encoding",
    "Field",
    "Format",
    "SavedSession",
    "SessionContent",
    "Signer",
    "decode_value",
    "encode_value",
    "format_of",
    "read_pickle",
    "type_in_words",
]
