"""``patronage value``: ledger, model and two dates in; tables, charts and a page of what customers are worth out."""

from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from patronage.errors import ConfigError
from patronage.files import check_replaceable, check_writable, written_whole
from patronage.ledger.opening import Ledger
from patronage.pipelines import console
from patronage.pipelines.opening import ledger_opener, tracking_store
from patronage.pipelines.remarks import note_ledger
from patronage.pipelines.settings import Settings, own_settings
from patronage.pipelines.table_settings import is_customer_table, is_of_contracts
from patronage.pipelines.value_words import facts_of, headlines_of, rows_of
from patronage.report.page import write_pngs
from patronage.report.value_charts import value_charts
from patronage.report.value_page import write_value_page
from patronage.runtime.bundle import Bundle, ledger_bundle, read_bundle
from patronage.schema.value_tables import VALUE_TABLES
from patronage.scoring.tables import write_table
from patronage.tracking.registry import resolve_model
from patronage.tracking.store import TrackingStore
from patronage.tracking.value import ValueRecord, record_value
from patronage.value.activity_costs import activity_costs
from patronage.value.segments import segment_rules
from patronage.value.statement.statement import ValueStatement, value_statement
from patronage.value.statement.terms import Firm, Shift, StatementTerms
from patronage.value.valuation import AcquisitionForecast

GROUPS = {"ledger", "dates", "engine", "contract", "identity", "costs", "segments", "setting", "tracking"}

PAGE = "value.html"
WRITTEN = (PAGE, *(f"{name}.parquet" for name in VALUE_TABLES))
"""Files of a result beside its pictures, which the next one replaces."""


OF_CONTRACTS = "estimated from the contracts of the ledger"
"""What stands in the place of a model's name where none is read."""

OF_SINGLE_CUSTOMERS = "customer_id"
"""Tables with this column are written, but not copied into the tracking store."""


class ShiftSettings(Settings):
    """Shares of contacts that move, come back, and are saved."""

    share: float = Field(ge=0, le=1)
    repeat_share: float = Field(ge=0, le=1)
    saved_share: float = Field(ge=0, le=1)


class Forecast(Settings):
    """Customers to be won, and what belongs to no customer."""

    customers: list[float] = Field(min_length=1)
    cost_per_customer: float | list[float]
    period_days: float | None = Field(default=None, gt=0)
    relative_error: float = Field(default=0.1, ge=0)
    fixed_costs: float = 0.0
    tax_rate: float = Field(default=0.0, ge=0, lt=1)
    net_debt: float = 0.0

    @property
    def firm(self) -> Firm:
        """The forecast in the terms of a valuation."""
        forecast = AcquisitionForecast.of(self.customers, self.cost_per_customer, self.period_days, self.relative_error)
        return Firm(forecast, self.fixed_costs, self.tax_rate, self.net_debt)


class Value(Settings):
    """The command's own settings."""

    as_of: date
    since: date | None
    model: str
    out: str = Field(min_length=1)
    track: bool
    periods: Literal["month", "quarter", "year"]
    horizon_days: float | None = Field(gt=0, lt=float("inf"))
    discount_rate_yearly: float = Field(ge=0, lt=float("inf"))
    cost_per_purchase: float = Field(ge=0, lt=float("inf"))
    retention_cost_yearly: float | None = Field(ge=0, lt=float("inf"))
    season: int | None
    renewal_days: float = Field(gt=0, lt=float("inf"))
    cohort: Literal["month", "quarter", "year"]
    ages: int = Field(ge=2, le=120)
    futures: int = Field(ge=1, le=10_000)
    level: float = Field(gt=0, lt=1)
    clusters: bool
    shift: ShiftSettings
    forecast: Forecast | None
    seed: int = Field(ge=0)

    @property
    def terms(self) -> StatementTerms:
        """The settings in the terms of a statement."""
        return StatementTerms(
            as_of=self.as_of,
            since=self.since,
            every=self.periods,
            horizon_days=self.horizon_days,
            discount_rate_yearly=self.discount_rate_yearly,
            cost_per_purchase=self.cost_per_purchase,
            retention_cost_yearly=self.retention_cost_yearly,
            season=self.season,
            renewal_days=self.renewal_days,
            cohort=self.cohort,
            ages=self.ages,
            futures=self.futures,
            level=self.level,
            clusters=self.clusters,
            shift=Shift(**self.shift.model_dump()),
            firm=None if self.forecast is None else self.forecast.firm,
            seed=self.seed,
        )


def value(config: dict[str, Any]) -> None:
    """State what customers are worth; see ``conf/value.yaml`` for the settings."""
    if is_customer_table(config):
        message = (
            "A statement of value needs a ledger of transactions; a customer table tells no purchases. Set ledger=..."
        )
        raise ConfigError(message)
    settings = own_settings(Value, config, "value", GROUPS)
    terms = settings.terms
    under_contract = is_of_contracts(config)
    if under_contract:
        _refuse_of_contracts(settings)
    costs, rules = activity_costs(config["costs"]), segment_rules(config["segments"])
    store = tracking_store(config)
    opened = ledger_opener(config, linked_until=settings.as_of)
    check_replaceable(settings.out, WRITTEN, ".png")
    check_writable(Path(settings.out).parent)
    if settings.track:
        store.check_writable()
    bundle, model = (None, OF_CONTRACTS) if under_contract else _loaded(store, settings.model)
    ledger = opened()
    ledger.require_facts_until(settings.as_of)
    if bundle is not None:
        note_ledger(ledger, bundle, settings.as_of)
    if settings.since is not None:
        ledger.require_facts_until(settings.since, "since")
    statement = value_statement(
        ledger.tables, costs, bundle, rules, ledger.span[0], terms, console.step, ledger.time_zone
    )
    for note in statement.notes:
        console.note(note)
    facts = facts_of(statement, ledger.name, model)
    with console.step("Write tables, charts and the page"):
        files = write_statement(statement, facts, Path(settings.out))
    run = None
    if settings.track:
        with console.step("Track the statement"):
            run = record_value(store, _record(config, statement, ledger, model, Path(settings.out), files))
    console.results("What customers are worth", ["what", "result"], rows_of(statement))
    where = [["page", str(Path(settings.out) / PAGE)], ["tables", f"{len(statement.tables)} Parquet files"]]
    console.results("Written", ["what", "where"], where + ([["run", run]] if run else []))


def _loaded(store: TrackingStore, model: str) -> tuple[Bundle, str]:
    """The bundle of a model, and its name."""
    with console.step(f"Load the model {model}"):
        resolved = resolve_model(store, model)
        bundle = ledger_bundle(read_bundle(resolved.bundle_folder), "A statement of value")
    return bundle, resolved.label or f"bundle/{bundle.fingerprint}"


def _refuse_of_contracts(settings: Value) -> None:
    """Refuse what is asked of purchases only."""
    asked = [name for name in ("season", "forecast") if getattr(settings, name) is not None]
    if asked:
        message = (
            f"{' and '.join(asked)} belong{'s' if len(asked) == 1 else ''} to purchases; with setting=contracts set "
            f"{' and '.join(f'{name}=null' for name in asked)}."
        )
        raise ConfigError(message)


def write_statement(statement: ValueStatement, facts: dict[str, str], out: Path) -> list[str]:
    """Write everything into one folder, which appears as a whole.

    Returns
    -------
    list of str
        Names of the files that tell of no single customer: charts, the page, tables of groups.
    """
    money = statement.basis.noun
    with written_whole(out) as folder:
        folder.mkdir()
        for name, table in statement.tables.items():
            write_table(table, VALUE_TABLES[name], folder / f"{name}.parquet")
        charts = value_charts(statement.tables, money)
        pngs = write_pngs(charts, folder)
        write_value_page(
            statement.tables, charts, facts, headlines_of(statement), statement.notes, money, folder / PAGE
        )
    grouped = [name for name, table in statement.tables.items() if OF_SINGLE_CUSTOMERS not in table]
    return [*(f"{name}.parquet" for name in grouped), *(path.name for path in pngs), PAGE]


def _record(
    config: dict[str, Any], statement: ValueStatement, ledger: Ledger, model: str, out: Path, files: list[str]
) -> ValueRecord:
    return ValueRecord(
        name=f"value {ledger.name} {statement.terms.as_of}",
        config=config,
        metrics=statement.figures,
        tags={"patronage.model": model, "patronage.basis": statement.basis.short, "patronage.ledger": ledger.digest},
        folder=out,
        # The page lists single customers at risk; it stays where it was written.
        kept=tuple(name for name in files if name != PAGE),
    )
