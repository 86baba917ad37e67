"""The summary and the features of large ledgers: time and peak memory, against hand-written SQL and two peers.

Usage: python benchmarks/summary_scale.py WORLD [WORLD ...] [--features WORLD] [--peers WORLD]

A WORLD is a folder that ``patronage simulate world=pareto tables=[transactions,customers]`` wrote. Every measurement
is a process of its own with two threads and a memory limit of 4 GB for DuckDB; its peak resident memory includes
Python. ``summary`` goes from the Parquet files to a Parquet file of the summary that most purchase models are fitted
to, ``sql`` is the same result by a query that a good engineer would write for DuckDB, ``checked`` opens the ledger
through its contract first. ``regularity`` is the summary with log_intervals, which models of regular purchasing need,
and ``regularity_sql`` the same by hand. ``features`` is the full feature set. lifetimes and pymc-marketing (where
`PYMC_PYTHON` names a Python that has it) get the transactions as a pandas frame that is already in memory, without a
limit, and their summary is timed alone; where the machine's memory does not hold them, their line has no figures. The
table is printed and kept in summary_scale.csv beside this file.
"""

import argparse
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

AS_OF = date(2023, 12, 29)
MEMORY_LIMIT = "4GB"
THREADS = 2

DAYS = """
COPY (
    WITH days AS (
        SELECT customer_id, CAST(timestamp AS DATE) AS day, sum(CAST(amount AS DECIMAL(18, 6))) AS spend
        FROM read_parquet('{files}')
        WHERE CAST(timestamp AS DATE) <= DATE '{as_of}'
        GROUP BY ALL
        HAVING max(amount) >= 0
    )"""
"""How both queries begin: with the purchase days."""

SQL = (
    DAYS
    + """
    SELECT customer_id,
           count(*) - 1 AS frequency,
           date_diff('day', min(day), max(day)) / 7.0::DOUBLE AS recency,
           date_diff('day', min(day), DATE '{as_of}') / 7.0::DOUBLE AS T,
           CASE WHEN count(*) > 1 THEN (sum(spend) - arg_min(spend, day))::DOUBLE / (count(*) - 1)
                ELSE 0 END AS monetary_value
    FROM days
    GROUP BY customer_id
) TO '{out}' (FORMAT parquet)
"""
)

REGULARITY_SQL = (
    DAYS
    + """, gaps AS (
        SELECT *, lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS previous FROM days
    )
    SELECT customer_id,
           count(*) - 1 AS frequency,
           date_diff('day', min(day), max(day)) / 7.0::DOUBLE AS recency,
           date_diff('day', min(day), DATE '{as_of}') / 7.0::DOUBLE AS T,
           CASE WHEN count(*) > 1 THEN (sum(spend) FILTER (previous IS NOT NULL))::DOUBLE / (count(*) - 1)
                ELSE 0 END AS monetary_value,
           coalesce(sum(ln(date_diff('day', previous, day))::DECIMAL(38, 12))::DOUBLE, 0)
               - (count(*) - 1) * ln(7.0) AS log_intervals
    FROM gaps
    GROUP BY customer_id
) TO '{out}' (FORMAT parquet)
"""
)

FACTS = (
    "SELECT count(*), sum(frequency)::BIGINT, round(sum(recency), 3), round(sum(T), 3), round(sum(monetary_value), 2) "
    "FROM read_parquet('{out}')"
)
REGULARITY_FACTS = FACTS.replace(" FROM", ", round(sum(log_intervals), 2) FROM")


def connect(scratch):
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {THREADS}; SET memory_limit = '{MEMORY_LIMIT}'")
    connection.execute(f"SET temp_directory = '{scratch}'; SET preserve_insertion_order = false")
    return connection


def engine(scratch):
    from patronage.ledger.engines.duckdb import DuckDbEngine

    return DuckDbEngine(threads=THREADS, memory_limit=MEMORY_LIMIT, temp_directory=str(scratch))


def sql(world, out, scratch):
    connect(scratch).execute(SQL.format(files=f"{world}/transactions/*.parquet", as_of=AS_OF, out=out))


def regularity_sql(world, out, scratch):
    connect(scratch).execute(REGULARITY_SQL.format(files=f"{world}/transactions/*.parquet", as_of=AS_OF, out=out))


def summary(world, out, scratch, *, log_intervals=False):
    from patronage.summary.customer_summary import summarise

    transactions = engine(scratch).connection.read_parquet(f"{world}/transactions/*.parquet")
    summarise(transactions, AS_OF, "week", log_intervals=log_intervals).table.to_parquet(out)


def regularity(world, out, scratch):
    summary(world, out, scratch, log_intervals=True)


def checked(world, out, scratch):
    from patronage.ledger.opening import open_ledger
    from patronage.ledger.simulated_source import SimulatedSource
    from patronage.summary.customer_summary import summarise

    ledger = open_ledger(SimulatedSource(str(world)), engine(scratch))
    assert ledger.account.rows_in == ledger.account.rows_used
    summarise(ledger.transactions, AS_OF, "week", log_intervals=False).table.to_parquet(out)


def features(world, out, scratch):
    from patronage.features.build import customer_features
    from patronage.ledger.opening import open_ledger
    from patronage.ledger.simulated_source import SimulatedSource

    ledger = open_ledger(SimulatedSource(str(world)), engine(scratch))
    customer_features(ledger.tables, AS_OF).to_parquet(out)


ACTIONS = {
    "sql": sql, "summary": summary, "checked": checked, "regularity_sql": regularity_sql, "regularity": regularity,
    "features": features,
}  # fmt: skip

PEERS = {
    "lifetimes": (
        "from lifetimes.utils import summary_data_from_transaction_data as summarise\n"
        "run = lambda: summarise(frame, 'customer_id', 'timestamp', 'amount', observation_period_end=AS_OF, freq='D')"
    ),
    "pymc-marketing": (
        "from pymc_marketing.clv import rfm_summary as summarise\n"
        "run = lambda: summarise(frame, 'customer_id', 'timestamp', 'amount', observation_period_end=AS_OF)"
    ),
}

PEER_RUN = """
import json, resource, sys, time, warnings
from pathlib import Path
if (score := Path("/proc/self/oom_score_adj")).exists():
    score.write_text("1000")  # if memory runs out, this process ends and no other
warnings.simplefilter("ignore")
import pandas as pd
frame = pd.read_parquet(sys.argv[1] + "/transactions", columns=["customer_id", "timestamp", "amount"])
AS_OF = pd.Timestamp(sys.argv[2])
{setup}
begin = time.perf_counter()
rows = len(run())
print(json.dumps([time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, rows]))
"""


def measured(action, world):
    """Seconds, peak MB and facts of one action in a process of its own."""
    command = [sys.executable, __file__, "--run", action, str(world)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{action} on {world} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def run(action, world):
    """What a process of its own does."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.parquet"
        begin = time.perf_counter()
        ACTIONS[action](world, out, scratch)
        took = time.perf_counter() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        query = REGULARITY_FACTS if action.startswith("regularity") else FACTS
        if action == "features":
            query = "SELECT count(*) FROM read_parquet('{out}')"
        facts = connect(scratch).execute(query.format(out=out)).fetchone()
    print(json.dumps([took, peak, [float(fact) for fact in facts]]))


def peer(name, world):
    python = sys.executable if name == "lifetimes" else os.environ.get("PYMC_PYTHON")
    if not python:
        return None
    code = PEER_RUN.format(setup=PEERS[name])
    done = subprocess.run([python, "-c", code, world, str(AS_OF)], capture_output=True, text=True, check=False)
    if done.returncode == -signal.SIGKILL:
        return math.nan, math.nan, 0
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def rows_of(world):
    import duckdb

    return duckdb.sql(f"SELECT count(*) FROM read_parquet('{world}/transactions/*.parquet')").fetchone()[0]


def main(options):
    lines = ["world,transactions,what,seconds,peak_mb,over_sql"]
    print(lines[0])

    def note(world, what, seconds, peak, over=""):
        lines.append(f"{Path(world).name},{rows_of(world)},{what},{seconds:.2f},{peak:.0f},{over}")
        print(lines[-1], flush=True)

    for world in options.worlds:
        for by_hand, actions in (("sql", ("summary", "checked")), ("regularity_sql", ("regularity",))):
            seconds, peak, expected = measured(by_hand, world)
            note(world, by_hand, seconds, peak, "1.00")
            for action in actions:
                took, peak, found = measured(action, world)
                assert all(abs(a - b) <= 1e-6 * abs(b) for a, b in zip(found, expected, strict=True)), (found, expected)
                note(world, action, took, peak, f"{took / seconds:.2f}")
    for world in options.features:
        seconds, peak, _ = measured("features", world)
        note(world, "features", seconds, peak)
    for world in options.peers:
        for name in PEERS:
            if (result := peer(name, world)) is not None:
                note(world, name, result[0], result[1])
    Path(__file__).with_suffix(".csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worlds", nargs="*")
    parser.add_argument("--features", nargs="*", default=[])
    parser.add_argument("--peers", nargs="*", default=[])
    parser.add_argument("--run", nargs=2)
    given = parser.parse_args()
    run(*given.run) if given.run else main(given)
