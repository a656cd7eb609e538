"""SessionCodec: sessions as item data, and back."""

from __future__ import annotations

from ..codec import PLAIN, Encoding, FindDictionary, SavedSession
from ..errors import CorruptItem, ItemTooLarge
from ..options import Options
from ..rows import Row
from ..table import RowKey, Table, counters
from .dictionaries import Dictionaries
from .samples import is_plain_encoding


class SessionCodec:
    """Encodes and decodes the sessions of a table.

    Args:
        table: that holds them.
        options: of the backend.
        dictionaries: of the table.
    """

    def __init__(self, table: Table, options: Options, dictionaries: Dictionaries) -> None:
        self._table = table
        self._compression = options.compression
        self._max_size = options.max_value_size
        self._dictionaries = dictionaries
        #: Returns the dictionary that a row names.
        self.find: FindDictionary = dictionaries.find

    def encode(self, key: RowKey, session: SavedSession, life: int | None) -> bytes:
        """The item data of a session.

        Args:
            key: of its row.
            session: to be stored.
            life: of its row, in seconds; None for ever.

        Raises:
            ItemTooLarge: the session takes more than `max_value_size`.
        """
        is_plain = is_plain_encoding(session.encoding)
        dictionary = self._dictionaries.current(life) if is_plain else None
        try:
            data = session.data(self._compression, self._max_size, dictionary)
        except ItemTooLarge as error:
            raise self._table.located(error) from error
        counters.count_bytes(len(session.payload), len(data))
        self._dictionaries.note(key, session, life)
        return data

    def decode(self, key: RowKey, row: Row, encoding: Encoding = PLAIN) -> SavedSession:
        """The session in a row.

        Args:
            key: of the row.
            row: as it was read.
            encoding: how the session becomes text.

        Raises:
            CorruptItem: it cannot be read.
            TableError: the dictionary that it was written with is missing, or was altered.
            StoreUnavailable: DynamoDB did not answer.
        """
        try:
            session = SavedSession.from_data(row.data, self._max_size, encoding, self.find)
        except CorruptItem as error:
            raise self._table.located(error) from error
        self._dictionaries.note(key, session, row.life)
        return session
