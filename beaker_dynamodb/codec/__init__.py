"""Bytes in, bytes out: an item's `data`, its signature, and the session inside. No I/O."""

from .data import UNREADABLE, Content, before_packing, decode_value, encode_value
from .formats import BEAKERS_PREFIXES, PLAIN, Encoding, Format, SessionContent, format_of
from .safe_pickle import read_pickle, type_in_words
from .session import ACCESSED_TIME, CREATION_TIME, SavedSession
from .signature import Field, Signer
from .zstd import DICTIONARY_SIZE, NAME_SIZE, Dictionary, FindDictionary, find_none, train

__all__ = [
    "ACCESSED_TIME",
    "BEAKERS_PREFIXES",
    "CREATION_TIME",
    "DICTIONARY_SIZE",
    "NAME_SIZE",
    "PLAIN",
    "UNREADABLE",
    "Content",
    "Dictionary",
    "Encoding",
    "Field",
    "FindDictionary",
    "Format",
    "SavedSession",
    "SessionContent",
    "Signer",
    "before_packing",
    "decode_value",
    "encode_value",
    "find_none",
    "format_of",
    "read_pickle",
    "train",
    "type_in_words",
]
