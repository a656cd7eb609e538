"""The dictionaries that sessions are compressed with: stored, known, trained."""

from .codec import SessionCodec
from .dictionaries import Dictionaries, forget_dictionaries
from .samples import ENOUGH, Sample, Training, may_be_sample, train_on
from .store import DictionaryStore

__all__ = [
    "ENOUGH",
    "Dictionaries",
    "DictionaryStore",
    "Sample",
    "SessionCodec",
    "Training",
    "forget_dictionaries",
    "may_be_sample",
    "train_on",
]
