"""A ledger that ``patronage simulate`` wrote, or any folder of tables in the columns of the ledger."""

from pathlib import Path

from patronage.errors import SourceError
from patronage.ledger.file_table import FileTable
from patronage.ledger.mapping import table_mapping
from patronage.ledger.source import SourceOfTable
from patronage.schema import LEDGER_TABLES


class SimulatedSource:
    """A folder with a sub-folder of Parquet files for each table, in the column names of `schema`.

    Parameters
    ----------
    path : str
        The folder. Tables that it does not hold are not there; transactions must be.
    time_zone : str
        IANA name of the zone in which days are cut; the timestamps are in UTC.
    name : str
        Name of the ledger for tracking.
    """

    def __init__(self, path: str, time_zone: str = "UTC", name: str = "simulated") -> None:
        self.name = name
        self.location = str(path)
        self.time_zone = time_zone

    @property
    def tables(self) -> dict[str, SourceOfTable]:
        """The tables that the folder holds.

        Raises
        ------
        SourceError
            If it holds no transactions.
        """
        folder = Path(self.location)
        if not (folder / "transactions").is_dir():
            message = (
                f"{folder.absolute()} holds no simulated ledger: it has no folder transactions. Write one with "
                "`patronage simulate`, or set ledger.path."
            )
            raise SourceError(message)
        return {
            name: SourceOfTable(
                FileTable(str(folder / name), "parquet"),
                table_mapping(
                    schema, None, setting="ledger" if name == "transactions" else f"ledger.{name}", timestamp_zone="UTC"
                ),
            )
            for name, schema in LEDGER_TABLES.items()
            if (folder / name).is_dir()
        }
