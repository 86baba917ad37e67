"""From a ledger and a linker to the table of links, and to a ledger in which every person has one id."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ibis import _

from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.ledger.engines.engine import Engine
from patronage.ledger.identity.apply import apply_links, several_contracts
from patronage.ledger.identity.components import KEPT_APART, TOO_LARGE, People, people
from patronage.ledger.identity.linker import FoundPairs, Linker, require_customers
from patronage.ledger.identity.report import LinkReport
from patronage.ledger.identity.review import IDS, Decisions, check_known, read_decisions
from patronage.ledger.identity.schema import LINKS, PAIRS, arrow_table
from patronage.ledger.identity.stored import StoredLinks
from patronage.ledger.tables import LedgerTables, business_day

REVIEWED = "reviewed"
"""Rule of pairs that a reviewer accepted."""

PERSON = "person"
"""Rule of the id that stands for its person."""

REASONS = (None, "its group of ids is too large", "it joins ids that a reviewer keeps apart", "below the threshold",
           "rejected by a reviewer")  # fmt: skip
"""Why a pair is not linked, by its verdict."""

BELOW, REJECTED = 3, 4
"""Further verdicts, beside those of `components`."""

GIVEN = pa.schema([(IDS[0], pa.string()), (IDS[1], pa.string()), ("decision", pa.string())])
"""Decisions as a table."""


@dataclass(frozen=True)
class Linkage:
    """Who is one person, and why.

    Attributes
    ----------
    links : pyarrow.Table
        As described in `schema.LINKS`, ordered by person and position.
    pairs : pyarrow.Table
        As described in `schema.PAIRS`, ordered by their ids.
    report : LinkReport
    """

    links: pa.Table
    pairs: pa.Table
    report: LinkReport


def linked(
    tables: LedgerTables, linker: Linker | StoredLinks, as_of: date | None = None, engine: Engine | None = None
) -> tuple[LedgerTables, LinkReport]:
    """Give every person of a ledger one id.

    Parameters
    ----------
    tables : LedgerTables
    linker : Linker or StoredLinks
        `NoLinker`, `ExactLinker`, `SplinkLinker`, or links that were found before.
    as_of : date, optional
        Only customers acquired by that day are linked (those of whom it is not known take part), so that a record which
        came later cannot join two earlier ids, lend them its attributes or its cost. `StoredLinks` are what they are.
    engine : Engine, optional
        Holds the link table. Without it a temporary table of DuckDB does, or it is handed to another engine with every
        query.

    Returns
    -------
    LedgerTables
        The tables as they came if there is nothing to link, else `LinkedTables`, which `apply.unlink` takes back.
    LinkReport

    Raises
    ------
    ContractError
        If the ledger has no customers to compare, or decisions of a reviewer cannot be used.
    ConfigError
        If the linker's settings do not fit the ledger or its engine.
    """
    if linker.name == "none":
        return tables, LinkReport(linker.name)
    if isinstance(linker, StoredLinks):
        links = linker.read()
        report = linker.report(links, 0 if tables.customers is None else int(tables.customers.count().execute()))
    else:
        linkage = link_ledger(tables, linker, as_of, engine)
        links, report = linkage.links, linkage.report
    if not links.num_rows:
        return tables, report
    joined = apply_links(tables, _held(links, "links", _engine_of(tables, engine)))
    return joined, replace(report, several_contracts=several_contracts(joined))


def link_ledger(
    tables: LedgerTables, linker: Linker, as_of: date | None = None, engine: Engine | None = None
) -> Linkage:
    """Find the links of a ledger without applying them; see `linked` for parameters and errors."""
    customers = require_customers(tables.customers, linker.name)
    if as_of is not None and "acquired_at" in customers.columns:
        known = business_day(customers, "acquired_at") <= ibis.date(as_of.isoformat())
        customers = customers.filter(customers.acquired_at.isnull() | known)
    decisions = _decisions(linker.reviewed, tables.customers, customers)
    found = linker.find(customers)
    pairs = _with_decisions(found.pairs, decisions)
    ids = _in_order_seen(tables, customers, pairs, _engine_of(tables, engine))
    left, right = (_numbers(pairs[name], ids) for name in IDS)
    rejected = np.asarray(pc.equal(pairs["decision"], "reject").fill_null(False))
    candidates = np.flatnonzero((pairs["match_probability"].to_numpy() >= linker.threshold) & ~rejected)
    chosen = pairs.take(candidates)
    level, certainty = _levels(chosen, linker.rules)
    apart = zip(left[rejected].tolist(), right[rejected].tolist(), strict=True)
    joined = people(left[candidates], right[candidates], level, len(ids), linker.max_component, apart)
    links = _link_table(chosen, joined, ids, left[candidates], right[candidates], certainty)
    judged = _judged(pairs, candidates, joined, left, right)
    return Linkage(links, judged, _report(linker, found, customers, links, judged, joined.oversized))


def _decisions(path: str | None, all_customers: Any, customers: Any) -> Decisions:
    """What a reviewer decided on `customers`; the ids have to be among all customers."""
    decisions = read_decisions(path)
    if not decisions.ids:
        return decisions
    check_known(decisions, _which_exist(all_customers, decisions.ids), path)
    return decisions.among(_which_exist(customers, decisions.ids))


def _which_exist(customers: Any, ids: set[str]) -> set[str]:
    given = ibis.memtable(pa.table({"customer_id": sorted(ids)}))
    return set(customers.semi_join(given, "customer_id").select("customer_id").to_pyarrow()[0].to_pylist())


def _with_decisions(found: pa.Table, decisions: Decisions) -> pa.Table:
    """The pairs found, with what a reviewer said of them, and the pairs that only the reviewer knows; by their ids."""
    said = sorted((*pair, word) for pair, word in decisions.by_pair.items())
    one, other, words = ([row[part] for row in said] for part in range(3))
    given = pa.table({IDS[0]: one, IDS[1]: other, "decision": words}, schema=GIVEN)
    pairs = found.join(given, list(IDS), join_type="full outer")
    accepted = pc.equal(pairs["decision"], "accept").fill_null(False)
    by_reviewer = pc.or_(accepted, pairs["rule"].is_null())
    columns = {
        "match_probability": pc.if_else(accepted, 1.0, pairs["match_probability"].fill_null(0.0)),
        "rule": pc.if_else(by_reviewer, REVIEWED, pairs["rule"]),
        "evidence": pairs["evidence"].fill_null("only the reviewer joins them"),
    }
    whole = pa.table({name: pairs[name] for name in IDS} | columns | {"decision": pairs["decision"]})
    return whole.sort_by([(name, "ascending") for name in IDS])


def _in_order_seen(tables: LedgerTables, customers: Any, pairs: pa.Table, engine: Engine | None) -> pa.Array:
    """All ids of the pairs: those acquired or buying first come first, then by id; ids never seen come last."""
    ids = pa.chunked_array([*pairs[IDS[0]].chunks, *pairs[IDS[1]].chunks], pa.string()).unique()
    if not len(ids):
        return ids
    given = _held(pa.table({"customer_id": ids}), "ids", engine)
    moments = [_first_moments(tables.transactions, given, "timestamp")]
    if "acquired_at" in customers.columns:
        moments.append(_first_moments(customers, given, "acquired_at"))
    if engine is not None:
        engine.drop(given)
    seen = pa.concat_tables(moments).group_by("customer_id").aggregate([("first", "min")])
    whole = pa.table({"customer_id": ids}).join(seen, "customer_id")
    order = pc.sort_indices(whole, sort_keys=[("first_min", "ascending"), ("customer_id", "ascending")])
    return whole["customer_id"].take(order).combine_chunks()


def _first_moments(facts: Any, ids: Any, column: str) -> pa.Table:
    of_ids = facts.semi_join(ids, "customer_id")
    first = of_ids.group_by("customer_id").aggregate(first=of_ids[column].min())
    found = first.filter(_.first.notnull()).select("customer_id", first=_.first.epoch_seconds()).to_pyarrow()
    return found.cast(pa.schema([("customer_id", pa.string()), ("first", pa.int64())]))


def _numbers(column: Any, ids: pa.Array) -> Any:
    return pc.index_in(column, value_set=ids).to_numpy().astype(np.int64)


def _levels(pairs: pa.Table, rules: Any) -> tuple[Any, Any]:
    """How strong pairs are: by probability, then by the trust in their rule; and the probability of every level."""
    probability = pairs["match_probability"].to_numpy()
    trust = pc.index_in(pairs["rule"], value_set=pa.array([REVIEWED, *rules])).to_numpy().astype(np.int64)
    distinct, rank = np.unique(-probability, return_inverse=True)
    strength = rank * (len(rules) + 1) + trust
    levels, level = np.unique(strength, return_inverse=True)
    certainty = np.append(1.0, -distinct[levels // (len(rules) + 1)])
    return np.where(trust == 0, 0, level + 1).astype(np.int64), certainty


def _judged(pairs: pa.Table, candidates: Any, joined: People, left: Any, right: Any) -> pa.Table:
    linked = joined.person[left] == joined.person[right]
    reasons = np.full(pairs.num_rows, BELOW)
    reasons[candidates] = joined.verdict
    reasons[np.asarray(pc.equal(pairs["decision"], "reject").fill_null(False))] = REJECTED
    reasons[linked] = 0
    columns = {name: pairs[name] for name in pairs.column_names}
    columns |= {"linked": linked.astype(np.int64), "reason": pa.array(REASONS, pa.string()).take(pa.array(reasons))}
    return arrow_table(PAIRS, columns)


def _link_table(pairs: pa.Table, joined: People, ids: pa.Array, left: Any, right: Any, certainty: Any) -> pa.Table:
    """Links of all ids of persons with several ids; `pairs`, `left` and `right` are of the candidates."""
    sizes = np.bincount(joined.person, minlength=len(ids))
    members = np.flatnonzero(sizes[joined.person] > 1)
    members = members[np.argsort(joined.person[members], kind="stable")]
    person, pair = joined.person[members], joined.pair[members]
    starts = np.flatnonzero(np.append(True, person[1:] != person[:-1])) if len(members) else members
    position = np.arange(len(members)) - np.repeat(starts, np.diff(np.append(starts, len(members))))
    first = pair < 0
    at = pa.array(pair, mask=first)
    other = pa.array(left[pair] + right[pair] - members if len(left) else members, mask=first)
    count = pa.array(sizes[person]).cast(pa.string())
    told = pc.binary_join_element_wise("with ", ids.take(other), ": ", pairs["evidence"].take(at), "")
    alone = pc.binary_join_element_wise("first seen of ", count, " ids", "")
    columns = {
        "customer_id": ids.take(pa.array(members)),
        "person_id": ids.take(pa.array(person)),
        "position": position + 1,
        "match_probability": np.where(first, 1.0, certainty[joined.weakest_level[members]]),
        "rule": pairs["rule"].take(at).fill_null(PERSON),
        "evidence": pc.if_else(pa.array(first), alone, told),
    }
    return arrow_table(LINKS, columns)


def _report(
    linker: Linker, found: FoundPairs, customers: Any, links: pa.Table, pairs: pa.Table, oversized: Any
) -> LinkReport:
    positions = links["position"].to_numpy()
    said = Counter(pairs["decision"].to_pylist()) if linker.reviewed else Counter()
    reasons = Counter({row["values"]: row["counts"] for row in pairs["reason"].value_counts().to_pylist()})
    below = int(pc.sum(pc.less(pairs["match_probability"], linker.threshold)).as_py() or 0)
    return LinkReport(
        linker=linker.name,
        customers=int(customers.count().execute()),
        linked_ids=links.num_rows,
        people=int((positions == 1).sum()),
        largest=int(positions.max(initial=1)),
        pairs=pairs.num_rows - below - reasons[REASONS[REJECTED]],
        below_threshold=below,
        accepted=said["accept"],
        rejected=said["reject"],
        left_out=reasons[REASONS[TOO_LARGE]] + reasons[REASONS[KEPT_APART]],
        oversized=tuple(oversized),
        notes=found.notes,
    )


def _engine_of(tables: LedgerTables, engine: Engine | None) -> Engine | None:
    """The engine that was given, or one around the DuckDB that holds the tables."""
    if engine is not None:
        return engine
    backend = tables.transactions.get_backend()
    return DuckDbEngine(connection=backend) if backend.name == "duckdb" else None


def _held(rows: pa.Table, name: str, engine: Engine | None) -> Any:
    """Rows on an engine, as a table that statements of any kind can name; without one, with every query anew."""
    return ibis.memtable(rows) if engine is None else engine.load(rows, name)
