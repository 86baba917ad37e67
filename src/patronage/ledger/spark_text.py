"""How Spark reads text: CSV and JSON lines, with every line that it cannot split kept aside."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patronage.errors import SourceError
from patronage.ledger.csv_file import csv_header
from patronage.ledger.engines.spark import SparkEngine
from patronage.ledger.found_files import NO_VALUE, FileFormat
from patronage.ledger.source import LINE, SOURCE_FILE, SOURCE_ROW, Field, RawTable

BROKEN = "patronage_broken_line"
"""Column in which Spark leaves the text of a line that does not fit the columns."""

REPLACED = "\ufffd"
"""What Spark puts in the place of bytes that are no UTF-8."""

NO_FIT = "unreadable line: another number of columns than the header, or quotes that do not fit"
NO_UTF8 = "unreadable line: invalid encoding"
NO_OBJECT = "unreadable line: not a JSON object"


@dataclass(frozen=True)
class Alike:
    """Files with the same columns in the same types.

    Attributes
    ----------
    paths : tuple of str
    format : {"csv", "parquet", "jsonl"}
    folders : tuple of str
        Names of columns whose values the folders of the files tell.
    kinds : dict of str to str
        Name to Spark type of the columns, in their order.
    stored : tuple of str
        The names as they stand in the files, to find those that are there twice.
    delimiter : str
        Of CSV.
    """

    paths: tuple[str, ...]
    format: FileFormat
    folders: tuple[str, ...]
    kinds: dict[str, str]
    stored: tuple[str, ...]
    delimiter: str = ","

    @property
    def names(self) -> tuple[str, ...]:
        """All that can be asked for."""
        return (*self.kinds, *(name for name in self.folders if name not in self.kinds))

    def times(self, name: str) -> int:
        """How often a column is there; in Parquet Spark takes no notice of case."""
        if self.format == "parquet":
            return [stored.lower() for stored in self.stored].count(name.lower())
        return self.stored.count(name)


def csv_columns(path: Path, delimiter: str, setting: str) -> list[str]:
    """The names in the header of a CSV file.

    Raises
    ------
    SourceError
        If there is none.
    """
    return csv_header(path, delimiter, setting=setting)


def json_keys(engine: SparkEngine, path: Path) -> list[str]:
    """The keys of all objects in a file of JSON lines."""
    import pyspark.sql.functions as F  # noqa: N812

    keys = engine.session.read.text(no_pattern(str(path))).select(F.explode(F.map_keys(_members("value"))).alias("key"))
    return sorted(row.key for row in keys.distinct().collect())


def read(engine: SparkEngine, groups: Sequence[Alike], fields: Sequence[Field], whole: bool, digest: str) -> RawTable:
    """Read text files once, and keep the lines that can be split apart from those that cannot.

    Raises
    ------
    SourceError
        If a quote of a CSV file is not closed, so that lines after it cannot be told apart.
    """
    split = _csv if groups[0].format == "csv" else _json
    joined = split(engine, groups[0], fields, whole)
    for group in groups[1:]:
        joined = joined.unionByName(split(engine, group, fields, whole))
    view = engine.named(joined, "split")
    kept = engine.keep(view, "lines")
    engine.drop(view)
    broken = kept.filter(kept.reason.notnull()).select(SOURCE_FILE, "source_line", "reason", "content")
    unreadable = engine.keep(broken, "unreadable")
    rows = kept.filter(kept.reason.isnull()).drop("source_line", "reason", "content")
    return RawTable(rows, unreadable, digest, temporary=(kept,))


def no_pattern(path: str) -> str:
    """A path as Spark takes it to be that of one file: it reads ``a1.csv`` where ``a[1].csv`` is named."""
    return re.sub(r"([\[\]{}?*\\])", r"\\\1", path)


def quoted(name: str) -> str:
    """Quote a column name for Spark."""
    return "`" + name.replace("`", "``") + "`"


def decoded(uri: Any) -> Any:
    """A location without the escapes of a URI."""
    import pyspark.sql.functions as F  # noqa: N812

    return F.url_decode(F.replace(uri, F.lit("+"), F.lit("%2B")))


def source_file(uri: Any) -> Any:
    """What messages call a file: its path if it lies on this machine."""
    import pyspark.sql.functions as F  # noqa: N812

    return F.when(uri.startswith("file:"), decoded(F.regexp_replace(uri, "^file:/*", "/"))).otherwise(uri)


def of_folder(name: str) -> Any:
    """What the folder of a file says of a column."""
    import pyspark.sql.functions as F  # noqa: N812

    told = F.regexp_extract(decoded(F.col("_metadata.file_path")), f"/\\Q{name}\\E=([^/]*)/", 1)
    return F.when(told != NO_VALUE, decoded(told))


def text_of_row(names: Sequence[str]) -> Any:
    """A text in which two rows agree if and only if they agree in all columns, missing values included."""
    import pyspark.sql.functions as F  # noqa: N812

    return F.to_json(F.struct(*(F.col(quoted(name)).cast("string").alias(f"c{i}") for i, name in enumerate(names))))


def _csv(engine: SparkEngine, group: Alike, fields: Sequence[Field], whole: bool) -> Any:
    import pyspark.sql.functions as F  # noqa: N812

    _refuse_open_quotes(engine, group.paths)
    columns = [f"column_{number}" for number in range(len(group.stored))]
    position = {name: columns[group.stored.index(name)] for name in group.kinds}
    lines = (
        engine.session.read.schema(", ".join(f"{column} string" for column in (*columns, BROKEN)))
        .options(
            header=True,
            sep=group.delimiter,
            quote='"',
            escape='"',
            multiLine=True,
            mode="PERMISSIVE",
            columnNameOfCorruptRecord=BROKEN,
            ignoreLeadingWhiteSpace=False,
            ignoreTrailingWhiteSpace=False,
            maxCharsPerColumn=-1,
        )
        .csv([no_pattern(path) for path in group.paths])
    )
    text = F.concat_ws(group.delimiter, *columns)
    reason = F.when(F.col(BROKEN).isNotNull(), NO_FIT).when(text.contains(REPLACED), NO_UTF8)
    raw = [F.col(position[field.name]) if field.name in position else of_folder(field.name) for field in fields]
    in_order = sorted(zip(group.stored, columns, strict=True), key=lambda named: named[0])
    line = text_of_row([column for _, column in in_order]) if whole else None
    return _numbered(lines, raw, line, reason, F.coalesce(F.col(BROKEN), text), lines_are_records=False)


def _json(engine: SparkEngine, group: Alike, fields: Sequence[Field], whole: bool) -> Any:
    import pyspark.sql.functions as F  # noqa: N812

    lines = engine.session.read.text([no_pattern(path) for path in group.paths]).withColumn(
        "members", _members("value")
    )
    reason = F.when(F.col("members").isNull(), NO_OBJECT).when(F.col("value").contains(REPLACED), NO_UTF8)
    for field in fields:
        nested = F.col("value").rlike(f'"\\Q{field.name}\\E"\\s*:\\s*[{{\\[]')
        looks_nested = F.element_at("members", F.lit(field.name)).rlike("^[{\\[]")
        reason = reason.when(nested & looks_nested, f"unreadable line: a list or an object in {field.name}")
    raw = [
        F.element_at("members", F.lit(field.name)) if field.name in group.kinds else of_folder(field.name)
        for field in fields
    ]
    line = F.col("value") if whole else None
    numbered = _numbered(lines, raw, line, reason, F.col("value"), lines_are_records=True)
    return numbered.filter(F.col("content").isNull() | (F.trim("content") != ""))


def _members(column: str) -> Any:
    """Key to value, as text, of an object; missing for everything else."""
    import pyspark.sql.functions as F  # noqa: N812

    return F.from_json(F.col(column), "map<string,string>")


def _numbered(lines: Any, raw: Sequence[Any], line: Any, reason: Any, content: Any, lines_are_records: bool) -> Any:
    """The columns asked for, the place of each row among the readable ones of its file, and what is wrong with it."""
    import pyspark.sql.functions as F  # noqa: N812
    from pyspark.sql import Window

    told = lines.select(
        *(column.alias(f"raw_{number}") for number, column in enumerate(raw)),
        *([] if line is None else [line.alias(LINE)]),
        source_file(F.col("_metadata.file_path")).alias(SOURCE_FILE),
        reason.alias("reason"),
        F.when(reason.isNotNull(), content).alias("content"),
        F.monotonically_increasing_id().alias("position"),
    )
    of_file = Window.partitionBy(SOURCE_FILE)
    readable = Window.partitionBy(SOURCE_FILE, F.col("reason").isNull()).orderBy("position")
    number = F.row_number().over(of_file.orderBy("position")) if lines_are_records else F.lit(None)
    return told.select(
        *(name for name in told.columns if name != "position"),
        F.when(F.col("reason").isNull(), F.row_number().over(readable)).cast("bigint").alias(SOURCE_ROW),
        number.cast("bigint").alias("source_line"),
    )


def _refuse_open_quotes(engine: SparkEngine, paths: Sequence[str]) -> None:
    """An open quote swallows what follows it without a word; a whole file has quotes in pairs."""
    import pyspark.sql.functions as F  # noqa: N812

    quotes = F.length("value") - F.length(F.replace(F.col("value"), F.lit('"'), F.lit("")))
    lines = engine.session.read.text([no_pattern(path) for path in paths]).select(
        source_file(F.col("_metadata.file_path")).alias(SOURCE_FILE), quotes.alias("quotes")
    )
    counted = lines.groupBy(SOURCE_FILE).agg(F.sum("quotes").alias("quotes"))
    odd = [row[SOURCE_FILE] for row in counted.filter("quotes % 2 = 1").orderBy(SOURCE_FILE).collect()]
    if odd:
        message = (
            f"{len(odd)} of {len(paths)} files hold a quote that is opened and not closed, so that lines after it "
            f"cannot be told apart: {', '.join(odd[:5])}. Close or remove it."
        )
        raise SourceError(message)
