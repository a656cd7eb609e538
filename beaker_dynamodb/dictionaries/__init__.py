"""The dictionaries that sessions are compressed with: stored, known, trained."""

from .codec import SessionCodec
from .dictionaries import Dictionaries, forget_dictionaries
from .samples import Sample, Training, train_on
from .store import DictionaryStore

__all__ = [
    "Dictionaries",
    "DictionaryStore",
    "Sample",
    "SessionCodec",
    "Training",
    "forget_dictionaries",
    "train_on",
]
