"""One table of a ledger from files that Spark reads itself: Parquet, CSV or JSON lines."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from patronage.errors import ConfigError, ContractError, SourceError
from patronage.ledger import spark_text
from patronage.ledger.engines.spark import SparkEngine
from patronage.ledger.found_files import FileFormat, FoundFile, found_files
from patronage.ledger.raw_tables import files_digest
from patronage.ledger.source import LINE, SOURCE_FILE, SOURCE_ROW, Field, RawTable
from patronage.ledger.spark_text import Alike
from patronage.ledger.table_in_place import require_fields
from patronage.ledger.transcoding import UTF8

_WHOLE = {"tinyint", "smallint", "int", "bigint"}
_FLOATS = {"float", "double"}
_INSTANT, _LOCAL_TIME, _DATE = "timestamp", "timestamp_ntz", "date"


@dataclass(frozen=True)
class SparkFiles:
    """Files of one layout that hold one table; see `TableSource`.

    Parquet files are looked into at each use; text is read once and kept. A location with ``://`` is left to Spark: it
    must be Parquet, it is read as one table, and what a file of it lacks is missing.

    Attributes
    ----------
    location, file_format, delimiter, encoding, setting, decimal
        As for `FileTable`; text must be in UTF-8.
    """

    location: str
    file_format: FileFormat | None = None
    delimiter: str | None = None
    encoding: str = UTF8
    setting: str = "ledger"
    decimal: str = "."

    def names(self, engine: SparkEngine) -> tuple[str, ...]:
        """The columns of all files, and those that their folders name; see `TableSource.names`."""
        return tuple(dict.fromkeys(name for group in self._groups(engine) for name in group.names))

    def read(self, engine: SparkEngine, fields: Sequence[Field], whole: bool = False) -> RawTable:
        """See `TableSource.read`."""
        groups = self._groups(engine)
        for group in groups:
            doubled = sorted({field.name for field in fields if group.times(field.name) > 1})
            if doubled:
                message = f"{group.paths[0]} names these columns more than once: {', '.join(doubled)}. Rename them."
                raise ContractError(message)
            require_fields(group.paths[0], group.names, fields)
        digest = self._digest(engine, groups)
        if groups[0].format == "jsonl" and self.decimal != ".":
            message = (
                f"On engine=spark, JSON lines are read with decimal points only; {self.setting}.decimal is "
                f"{self.decimal!r}. Set it to '.', or use engine=duckdb."
            )
            raise ConfigError(message)
        with readable(self.location):
            if groups[0].format == "parquet":
                return _parquet(engine, groups, fields, whole, digest)
            return spark_text.read(engine, groups, fields, whole, digest)

    def _groups(self, engine: SparkEngine) -> list[Alike]:
        """The files, those of the same columns and types together."""
        if "://" in self.location:
            if (self.file_format or "parquet") != "parquet":
                message = f"Of files at {self.location} only Parquet can be read: set {self.setting}.file_format."
                raise ConfigError(message)
            with readable(self.location):
                kinds = _parquet_kinds(engine, self.location)
                return [Alike((self.location,), "parquet", (), kinds, tuple(kinds))]
        if self.encoding != UTF8:
            message = f"engine=spark reads text in UTF-8: convert the files, or read {self.setting} with engine=duckdb."
            raise ConfigError(message)
        groups: dict[tuple[Any, ...], Alike] = {}
        for file in self._files():
            one = self._alone(engine, file)
            key = (one.format, one.folders, one.delimiter, one.stored, tuple(one.kinds.items()))
            groups[key] = replace(one, paths=groups[key].paths + one.paths) if key in groups else one
        if len({group.format for group in groups.values()}) > 1:
            message = (
                f"{self.location} holds files of several formats, which engine=spark does not read as one table: set "
                f"{self.setting}.path to a glob of one format, such as folder/*.csv, or use engine=duckdb."
            )
            raise SourceError(message)
        return list(groups.values())

    def _files(self) -> list[FoundFile]:
        """The files on this machine, if Spark reads all of them.

        Raises
        ------
        SourceError
            If it would leave some out without a word.
        """
        files = found_files(self.location, self.file_format, self.setting)
        hidden = [str(file.path) for file in files if _hidden_from_spark(file.path.name)]
        if hidden:
            message = (
                f"Spark leaves out files whose names begin with '_' or '.': {len(hidden)} of {len(files)} files of "
                f"{self.setting}.path, first {', '.join(hidden[:5])}. Rename them if they are data, move them away if "
                "they are not, or use engine=duckdb, which reads them."
            )
            raise SourceError(message)
        return files

    def _alone(self, engine: SparkEngine, file: FoundFile) -> Alike:
        path, folders = str(file.path), tuple(file.partitions)
        with readable(path):
            if file.format == "parquet":
                kinds = _parquet_kinds(engine, spark_text.no_pattern(path))
                return Alike((path,), file.format, folders, kinds, tuple(kinds))
            if file.format == "jsonl":
                keys = spark_text.json_keys(engine, file.path)
                return Alike((path,), file.format, folders, dict.fromkeys(keys, "string"), tuple(keys))
        delimiter = self.delimiter or ("\t" if path.lower().endswith((".tsv", ".tsv.gz")) else ",")
        header = spark_text.csv_columns(file.path, delimiter, self.setting)
        return Alike((path,), file.format, folders, dict.fromkeys(header, "string"), tuple(header), delimiter)

    def _digest(self, engine: SparkEngine, groups: list[Alike]) -> str:
        if "://" not in self.location:
            return files_digest(file.path for file in self._files())
        listed = engine.session.read.parquet(*groups[0].paths).select("_metadata.*").distinct().collect()
        told = sorted((row.file_path, row.file_size, str(row.file_modification_time)) for row in listed)
        return hashlib.sha256(str(told).encode()).hexdigest()


@contextmanager
def readable(location: str) -> Iterator[None]:
    """Turn what Spark says of files into a `SourceError`."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        told = str(getattr(error, "java_exception", None) or error).splitlines()[0].rstrip(".")
        message = f"{location} cannot be read: {told}. Check the format of the files."
        raise SourceError(message) from error


def _hidden_from_spark(name: str) -> bool:
    """Whether Spark's readers pass a file over, even one that is named to them.

    The rule is that of ``isDataPath`` in Spark's ``PartitioningAwareFileIndex``: the ``=`` is that of a partition.
    """
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _parquet_kinds(engine: SparkEngine, path: str) -> dict[str, str]:
    schema = engine.session.read.option("mergeSchema", "true").parquet(path).schema
    return {field.name: field.dataType.simpleString() for field in schema.fields}


def _parquet(engine: SparkEngine, groups: list[Alike], fields: Sequence[Field], whole: bool, digest: str) -> RawTable:
    targets = [_common_kind(field, {group.kinds.get(field.name, "string") for group in groups}) for field in fields]
    frames = [_selected(engine, group, fields, targets, whole) for group in groups]
    joined = frames[0]
    for frame in frames[1:]:
        joined = joined.unionByName(frame)
    table = engine.named(joined, "files")
    instants = [f"raw_{number}" for number, target in enumerate(targets) if target == _INSTANT]
    # Spark's own type of moments would pass for local times, so their zone is told to Ibis here.
    table = table.mutate(**{name: table[name].cast("timestamp('UTC')") for name in instants})
    return RawTable(table, None, digest, lazy=True)


def _selected(engine: SparkEngine, group: Alike, fields: Sequence[Field], targets: Sequence[str], whole: bool) -> Any:
    import pyspark.sql.functions as F  # noqa: N812

    columns = []
    for number, (field, target) in enumerate(zip(fields, targets, strict=True)):
        kind = group.kinds.get(field.name, "string")
        column = F.col(spark_text.quoted(field.name)) if field.name in group.kinds else spark_text.of_folder(field.name)
        columns.append(_cast(column, kind, target).alias(f"raw_{number}"))
    columns.append(spark_text.source_file(F.col("_metadata.file_path")).alias(SOURCE_FILE))
    columns.append((F.col("_metadata.row_index") + 1).alias(SOURCE_ROW))
    if whole:
        columns.append(spark_text.text_of_row(sorted(group.kinds)).alias(LINE))
    paths = [path if "://" in path else spark_text.no_pattern(path) for path in group.paths]
    return engine.session.read.option("mergeSchema", "true").parquet(*paths).select(*columns)


def _common_kind(field: Field, kinds: set[str]) -> str:
    """The Spark type that holds the values of all files.

    Raises
    ------
    ContractError
        If there is none.
    """
    numbers = {kind for kind in kinds if kind in _WHOLE | _FLOATS or kind.startswith("decimal")}
    if len(kinds) == 1:
        return next(iter(kinds))
    if numbers == kinds and field.kind in ("number", "any"):
        return "double"
    if kinds == {_DATE, _LOCAL_TIME} and field.kind == "time":
        return _LOCAL_TIME
    if kinds - numbers <= {"string"} and field.kind != "time":
        return "string"
    message = (
        f"The files hold {field.name} (for {field.ours}) in types that do not go together: {', '.join(sorted(kinds))}. "
        "Store the column in one type in all files."
    )
    raise ContractError(message)


def _cast(column: Any, kind: str, target: str) -> Any:
    """A column as the type for all files; local times as Spark's timestamps, whose zone is UTC here."""
    import pyspark.sql.functions as F  # noqa: N812

    if target == _LOCAL_TIME:
        return column.cast("timestamp")
    if kind == target:
        return column
    if target == "string" and kind in _FLOATS:  # whole floats lose their .0
        is_whole = (column == F.floor(column)) & (F.abs(column) < 2.0**53)
        return F.when(is_whole, column.cast("bigint").cast("string")).when(~F.isnan(column), column.cast("string"))
    return column.cast(target)
