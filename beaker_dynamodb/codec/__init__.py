"""Bytes in, bytes out: what stands in an item's `data`, and its signature. Pure."""

from .data import UNREADABLE, Content, SessionText, decode_value, encode_value
from .signature import Field, Signer

__all__ = [
    "UNREADABLE",
    "Content",
    "Field",
    "SessionText",
    "Signer",
    "decode_value",
    "encode_value",
]
