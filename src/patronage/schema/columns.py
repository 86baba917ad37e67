"""What a table is: named columns of a type, a unit and a meaning."""

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["string", "timestamp", "date", "double", "long"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Its name, the field's own term where there is one.
    type : {"string", "timestamp", "date", "double", "long"}
        What its values are.
    unit : str
        The unit of its values, ``""`` if it has none.
    nullable : bool
        Whether values may be missing.
    meaning : str
        One sentence, with the rule for missing values where there may be any.
    optional : bool
        Whether a table may do without the column altogether.
    """

    name: str
    type: ColumnType
    unit: str
    nullable: bool
    meaning: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A named, ordered set of columns."""

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the columns that no such table may lack, in order."""
        return tuple(column.name for column in self.columns if not column.optional)
