"""The CDNOW log: every purchase of 23,570 new customers of a music shop, January 1997 to June 1998.

The file ships with the package ``lifetimes``. It is the data set on which the models of this field were published
(Fader and Hardie 2001, Interfaces 31(3)). Of its 69,659 transactions 80 have the amount 0. The "1/10 sample" of the
literature is 2,357 of its customers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from patronage.errors import SourceError
from patronage.ledger.engines.engine import Engine
from patronage.ledger.mapping import table_mapping
from patronage.ledger.raw_tables import files_digest
from patronage.ledger.source import LINE, SOURCE_FILE, SOURCE_ROW, Field, RawTable, SourceOfTable
from patronage.schema import TRANSACTIONS

FIELDS = {"customer_id": 0, "date": 1, "number_of_cds": 2, "dollar_value": 3}
"""Position of each column in a line of the log."""


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

    time_zone = "UTC"

    def __init__(self, name: str = "cdnow") -> None:
        self.name = name
        columns = {
            "customer_id": "customer_id", "timestamp": "date", "amount": "dollar_value", "quantity": "number_of_cds"
        }  # fmt: skip
        mapping = table_mapping(TRANSACTIONS, columns, timestamp_format="%Y%m%d")
        self.tables = {"transactions": SourceOfTable(CdnowTable(), mapping)}

    @property
    def location(self) -> str:
        """Path of the file inside the installed package."""
        return str(_path())


@dataclass(frozen=True)
class CdnowTable:
    """The log as a table; see `TableSource`."""

    @property
    def location(self) -> str:
        """Path of the file inside the installed package."""
        return str(_path())

    def names(self, engine: Engine) -> tuple[str, ...]:  # noqa: ARG002
        """The columns of the log."""
        return tuple(FIELDS)

    def read(self, engine: Engine, fields: Sequence[Field], whole: bool = False) -> RawTable:
        """Load the log; see `TableSource.read`."""
        import pyarrow as pa

        path = _path()
        split = [line.split() for line in path.read_text(encoding="ascii").splitlines()[1:]]
        found = {name: pa.array([parts[position] for parts in split]) for name, position in FIELDS.items()}
        columns = {f"raw_{number}": found[field.name] for number, field in enumerate(fields)}
        if whole:
            columns[LINE] = pa.array([" ".join(parts) for parts in split])
        columns[SOURCE_FILE] = pa.repeat(path.name, len(split))
        columns[SOURCE_ROW] = pa.array(range(1, len(split) + 1), pa.int64())
        rows = engine.load(pa.table(columns), "rows")
        return RawTable(rows, None, files_digest([path]), temporary=(rows,))


def _path() -> Path:
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
