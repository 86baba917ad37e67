"""One search of Splink's: its tables on the DuckDB of the ledger, its estimation, its pairs and their evidence."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ibis
import pyarrow as pa

from patronage.errors import FitError, InputError
from patronage.ledger.identity.comparisons import Comparison
from patronage.ledger.identity.exact import key_name
from patronage.ledger.identity.linker import FOUND, FoundPairs, refuse_without_columns, usable
from patronage.ledger.identity.normalise import computed_once, kind_of, normalised
from patronage.ledger.identity.splink_settings import SplinkSettings

DECIMALS = 9
"""Digits of a match probability that are kept: beyond these, sums in another order differ."""

SPLINK = "__splink__"
"""How the names of Splink's own tables begin."""


class Search:
    """One search, as a context that leaves no table of Splink's behind.

    Parameters
    ----------
    settings : SplinkSettings
    customers : ibis.Table
        As described in `schema.CUSTOMERS`, with attributes, on DuckDB.

    Raises
    ------
    ConfigError
        If the customers have too few of the columns.
    """

    def __init__(self, settings: SplinkSettings, customers: Any) -> None:
        self.settings = settings
        self.backend = customers.get_backend()
        wanted = {made.columns: made for made in settings.comparisons if isinstance(made, Comparison)}
        there, self.notes = usable(list(wanted), customers, "the comparison of")
        if len(there) < 2:
            refuse_without_columns(customers, "comparisons (two at least)", self.notes or ["one comparison is too few"])
        self.comparisons = [wanted[columns] for columns in there]
        self.blocks, self.training, self.certain = (
            self._usable_blocks(given, customers, what)
            for given, what in (
                (settings.blocks, "the block"), (settings.training, "the training block"),
                (settings.certain, "the certain key"),
            )
        )  # fmt: skip
        named = [column for columns in (*there, *self.blocks, *self.training, *self.certain) for column in columns]
        self.aliases = {column: f"attribute_{number}" for number, column in enumerate(dict.fromkeys(named))}
        self.table = self._kept_normalised(customers)

    def _usable_blocks(self, given: Sequence[Sequence[str]], customers: Any, what: str) -> list[tuple[str, ...]]:
        there, notes = usable([tuple(columns) for columns in given], customers, what)
        if not there:
            refuse_without_columns(customers, what + "s", notes)
        self.notes += notes
        return there

    def _kept_normalised(self, customers: Any) -> Any:
        """The customers as Splink reads them: plain names, and numbers in the order of the ids."""
        spelt = {column: made.spelling for made in self.comparisons for column in made.columns}
        kinds = {column: kind_of(column, self.settings.kinds, spelt.get(column, "text")) for column in self.aliases}
        normal = normalised(customers, kinds, self.settings.spelling)
        numbered = normal.order_by("customer_id").mutate(unique_id=ibis.row_number().over(order_by=normal.customer_id))
        renamed = {alias: column for column, alias in self.aliases.items()}
        return computed_once(numbered.rename(renamed))

    def __enter__(self) -> "Search":
        self.before = self._splink_tables()
        return self

    def __exit__(self, *of: object) -> None:
        for name in self._splink_tables() - self.before:
            self._drop(name)

    def _splink_tables(self) -> set[str]:
        listed = "SELECT table_name FROM information_schema.tables WHERE starts_with(table_name, ?)"
        return {name for (name,) in self.backend.con.execute(listed, [SPLINK]).fetchall()}

    def _drop(self, name: str) -> None:
        import duckdb

        try:
            self.backend.raw_sql(f'DROP TABLE IF EXISTS "{name}"')
        except duckdb.CatalogException:
            self.backend.raw_sql(f'DROP VIEW IF EXISTS "{name}"')

    def pairs(self) -> FoundPairs:
        """Estimate, compare, and tell the pairs from `review_from` on.

        Raises
        ------
        InputError
            If the blocks hold too many pairs.
        FitError
            If nothing could be estimated.
        """
        self._check_number_of_pairs()
        linker = self._linker(self.table.op().name, self._with_u())
        self._estimate(linker)
        scored = linker.inference.predict(threshold_match_probability=self.settings.review_from)
        found = self.backend.table(scored.physical_name)
        ids = self.table.select("unique_id", "customer_id")
        left, right = ids.rename(number_a="unique_id", customer_a="customer_id"), ids
        named = found.join(left, found.unique_id_l == left.number_a).join(right, found.unique_id_r == right.unique_id)
        evidence = self._evidence(linker, named)
        probability = named.match_probability.round(DECIMALS)
        columns = [named.customer_a, named.customer_id, probability, ibis.literal("splink"), evidence]
        table: pa.Table = named.select(**dict(zip(FOUND, columns, strict=True))).to_pyarrow()
        return FoundPairs(table, tuple(self.notes))

    def _rules(self, blocks: Sequence[tuple[str, ...]]) -> list[Any]:
        from splink import block_on

        return [block_on(*(self.aliases[column] for column in columns)) for columns in blocks]

    def _linker(self, table: str, settings: Any) -> Any:
        from splink import DuckDBAPI, Linker

        return Linker(table, settings, DuckDBAPI(self.backend.con), set_up_basic_logging=False, validate_settings=False)

    def _with_u(self) -> Any:
        """Settings with u counted among all pairs of a sample, which the seed picks and no thread disturbs."""
        from splink import SettingsCreator

        settings = SettingsCreator(
            link_type="dedupe_only",
            comparisons=[made.creator(self.aliases) for made in self.comparisons],
            blocking_rules_to_generate_predictions=self._rules(self.blocks),
            retain_matching_columns=True,  # and with them the levels, which the evidence tells
            retain_intermediate_calculation_columns=False,
        )
        name = ibis.util.gen_name("patronage_link_sample")
        self.backend.raw_sql(
            f'CREATE TEMP TABLE "{name}" AS SELECT * FROM "{self.table.op().name}" '
            f"ORDER BY md5(customer_id || ' {int(self.settings.seed)}'), customer_id "
            f"LIMIT {int(self.settings.sample_rows)}"
        )
        try:
            sampled = self._linker(name, settings)
            sampled.training.estimate_u_using_random_sampling(max_pairs=self.settings.sample_rows**2)
            return sampled.misc.save_model_to_json()
        finally:
            self._drop(name)

    def _estimate(self, linker: Any) -> None:
        from splink.internals.exceptions import EMTrainingException

        try:
            linker.training.estimate_probability_two_random_records_match(
                self._rules(self.certain), recall=self.settings.recall
            )
        except ValueError as error:
            message = f"The certain keys join too many customers to be certain ({error}). Choose keys that say more."
            raise FitError(message) from error
        estimated = set()
        for columns, rule in zip(self.training, self._rules(self.training), strict=True):
            try:
                session = linker.training.estimate_parameters_using_expectation_maximisation(rule)
            except EMTrainingException:
                self.notes.append(f"the training block {key_name(columns)} holds too few pairs to estimate from")
            else:
                estimated |= {compared.output_column_name for compared in session.core_model_settings.comparisons}
        if not estimated:
            message = (
                "No training block holds enough pairs of customers to estimate a linkage from. Choose blocks that more "
                "of the customers share (identity.training), or use identity=exact."
            )
            raise FitError(message)
        names = [made.output_column_name for made in linker._settings_obj.comparisons]
        for made, name in zip(self.comparisons, names, strict=True):
            if name not in estimated:
                self.notes.append(
                    f"the comparison of {made.name} could not be estimated and keeps Splink's own weights"
                )

    def _evidence(self, linker: Any, found: Any) -> Any:
        """In words, how far each attribute agrees."""
        said: list[Any] = []
        for made, theirs in zip(self.comparisons, linker._settings_obj.comparisons, strict=True):
            reached = found["gamma_" + theirs.output_column_name]
            words = ibis.cases(
                *((reached == value, text) for value, text in self._levels(made, theirs).items()),
                else_=f"unknown {made.name}",
            )
            said += [words, ibis.literal(", ")]
        text = said[0]
        for part in said[1:-1]:
            text = text + part
        return text

    def _levels(self, made: Comparison, theirs: Any) -> dict[int, str]:
        """The levels of agreement in words, by their number; the highest is the same, 0 is different."""
        numbered = {level.comparison_vector_value: level.label_for_charts for level in theirs.comparison_levels}
        named = {alias: column for column, alias in self.aliases.items()}
        told = {
            number: f"similar {made.name} ({re.sub(r'attribute_[0-9]+', lambda found: named[found[0]], label)})"
            for number, label in numbered.items()
            if number > 0
        }
        return told | {max(numbered): f"same {made.name}", 0: f"different {made.name}"}

    def _check_number_of_pairs(self) -> None:
        counted = {columns: self._block_pairs(columns) for columns in self.blocks}
        total = sum(counted.values())
        if total > self.settings.max_pairs:
            worst, most = max(counted.items(), key=lambda block: block[1])
            message = (
                f"The blocks hold {total:,} pairs of customers to compare, more than the {self.settings.max_pairs:,} "
                f"of identity.max_pairs; {key_name(worst)} alone holds {most:,}. Add a column to that block, name its "
                "most frequent values in identity.junk, or raise identity.max_pairs."
            )
            raise InputError(message, counts={key_name(columns): pairs for columns, pairs in counted.items()})

    def _block_pairs(self, columns: tuple[str, ...]) -> int:
        names = [self.aliases[column] for column in columns]
        complete = self.table.filter(*(self.table[name].notnull() for name in names))
        sizes = complete.group_by(*names).aggregate(rows=complete.count().cast("float64"))
        return int(
            sizes.aggregate(pairs=(sizes.rows * (sizes.rows - 1) / 2).sum().fill_null(0)).pairs.execute().iloc[0]
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Splink's progress off the terminal; what matters is in the notes."""
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
