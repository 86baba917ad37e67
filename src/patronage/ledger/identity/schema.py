"""The tables of identity: which ids are one person, and the pairs of ids that say so."""

from typing import Any

import pyarrow as pa

from patronage.schema import Column, TableSchema

LINKS = TableSchema(
    "links",
    (
        Column("customer_id", "string", "", False, "An id of a person with several ids; in one row only."),
        Column("person_id", "string", "", False, "The id that stands for the person: the one first seen."),
        Column("position", "long", "", False, "1 for person_id, then the person's other ids in the order first seen."),
        Column(
            "match_probability", "double", "probability", False,
            "Of the weakest pair in the strongest chain of pairs from the id to person_id; 1 for person_id itself, for "
            "exact keys, and for pairs that a reviewer accepted.",
        ),
        Column("rule", "string", "", False, "Rule that links the id: a key, splink, reviewed; person for person_id."),
        Column("evidence", "string", "", False, "The id it is linked with, and in what the two agree and differ."),
    ),
)  # fmt: skip
"""One row for every id of a person with several ids; an id that is not in it stands for itself."""

PAIRS = TableSchema(
    "pairs",
    (
        Column("customer_id_a", "string", "", False, "An id, the lower of the two in the order of their bytes."),
        Column("customer_id_b", "string", "", False, "Another id."),
        Column("match_probability", "double", "probability", False, "That both are one person; 1 for exact keys."),
        Column("rule", "string", "", False, "Most trusted rule that joins them."),
        Column("evidence", "string", "", False, "In what the two agree and differ."),
        Column("linked", "long", "0 or 1", False, "1 if both ids ended up as one person."),
        Column("reason", "string", "", True, "Why the pair was not used as it stands; missing where it was."),
        Column("decision", "string", "", True, "accept or reject, by a reviewer; missing if none judged the pair."),
    ),
)  # fmt: skip
"""One row for every pair of ids that a linker proposes or a reviewer decided on."""

ARROW_TYPES = {"string": pa.string(), "long": pa.int64(), "double": pa.float64()}


def arrow_table(schema: TableSchema, columns: dict[str, Any]) -> pa.Table:
    """An Arrow table with the columns and types of a schema, in its order."""
    fields = [pa.field(column.name, ARROW_TYPES[column.type]) for column in schema.columns]
    arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in fields]
    return pa.table(arrays, schema=pa.schema(fields))
