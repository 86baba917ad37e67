"""Links that were found before: written by ``patronage link``, or made by another system."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from patronage.errors import ContractError, SourceError
from patronage.ledger.identity.report import LinkReport

NEEDED = ("customer_id", "person_id")
"""Columns of `schema.LINKS` that a file of links cannot do without."""


@dataclass(frozen=True)
class StoredLinks:
    """A file of links, applied as it stands.

    Attributes
    ----------
    path : str
        Parquet with customer_id and person_id, as described in `schema.LINKS`. Without the column position, or
        where a person_id has no row of its own, person_id comes first and the other ids follow in their order.
    """

    path: str
    name: str = field(default="links", init=False)

    def read(self) -> pa.Table:
        """Read customer_id, person_id and position.

        Raises
        ------
        SourceError
            If the file is missing or no Parquet.
        ContractError
            If a column is missing.
        """
        try:
            table = pq.read_table(Path(self.path))
        except (OSError, pa.ArrowException) as error:
            message = f"The links in {self.path} cannot be read: {error}. Write them with patronage link."
            raise SourceError(message) from error
        lacking = [name for name in NEEDED if name not in table.column_names]
        if lacking:
            message = f"{self.path} lacks the columns {', '.join(lacking)}; it has: {', '.join(table.column_names)}."
            raise ContractError(message)
        links = table.select([name for name in (*NEEDED, "position") if name in table.column_names]).to_pandas()
        lone = set(links["person_id"].dropna()) - set(links["customer_id"])
        if lone or "position" not in links:
            persons = pd.DataFrame({"customer_id": sorted(lone), "person_id": sorted(lone)})
            links = _with_positions(pd.concat([links[list(NEEDED)], persons]))
        types = [(name, pa.string()) for name in NEEDED] + [("position", pa.int64())]
        return pa.Table.from_pandas(links, schema=pa.schema(types), preserve_index=False)

    def report(self, links: pa.Table, customers: int) -> LinkReport:
        """What these links say, for `customers` of the ledger."""
        sizes = links["person_id"].value_counts().field("counts") if links.num_rows else pa.array([1])
        people = len(sizes) if links.num_rows else 0
        largest = max(sizes.to_pylist())
        return LinkReport(self.name, customers, linked_ids=links.num_rows, people=people, largest=largest)


def _with_positions(links: pd.DataFrame) -> pd.DataFrame:
    ordered = links.assign(other=links["customer_id"] != links["person_id"])
    ordered = ordered.sort_values(["person_id", "other", "customer_id"], kind="stable")
    return ordered.assign(position=ordered.groupby("person_id").cumcount() + 1)
