"""The CDNOW log: every purchase of 23,570 new customers of a music shop, January 1997 to June 1998.

The file ships with the package ``lifetimes``. It is the data set on which the models of this field were published
(Fader and Hardie 2001, Interfaces 31(3)). Of its 69,659 transactions 80 have the amount 0. The "1/10 sample" of the
literature is 2,357 of its customers.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from patronage.errors import SourceError
from patronage.ledger import raw_tables
from patronage.ledger.source import RawTransactions

_READ = """
    CREATE OR REPLACE TEMP TABLE {rows} AS
    SELECT fields[1] AS customer_id, fields[2] AS timestamp, fields[4] AS amount,
           'CDNOW_master.txt' AS source_file, source_row
    FROM (
        SELECT row_number() OVER () AS source_row, string_split_regex(trim(line), '\\s+') AS fields
        FROM read_csv({path}, columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = true,
                      delim = '\\x01', quote = '', escape = '')
    )
"""


class CdnowSource:
    """The complete CDNOW log.

    Parameters
    ----------
    name : str
        Name of the ledger for tracking.

    Examples
    --------
    >>> from patronage import open_ledger, CdnowSource
    >>> open_ledger(CdnowSource()).account.rows_used
    69659
    """

    def __init__(self, name: str = "cdnow") -> None:
        self.name = name

    @property
    def columns(self) -> Mapping[str, str]:
        """Our column names to the file's own."""
        return {"customer_id": "customer_id", "timestamp": "date", "amount": "dollar_value"}

    @property
    def location(self) -> str:
        """Path of the file inside the installed package."""
        return str(self._path())

    def read(self, connection: Any) -> RawTransactions:
        """Load the log; see `TransactionSource.read`."""
        path = self._path()
        connection.raw_sql(_READ.format(rows=raw_tables.ROWS, path=raw_tables.file_literal(path)))
        raw_tables.create_unreadable(connection)
        return raw_tables.raw_transactions(connection, "%Y%m%d", [path])

    def _path(self) -> Path:
        # find_spec looks the package up without importing it.
        spec = find_spec("lifetimes")
        if spec is None or spec.origin is None:
            message = "The CDNOW log ships with the package lifetimes, which is not installed: pip install lifetimes."
            raise SourceError(message)
        path = Path(spec.origin).parent / "datasets" / "CDNOW_master.txt"
        if not path.is_file():
            message = f"The CDNOW log is missing at {path}: install lifetimes again."
            raise SourceError(message)
        return path
