"""Tables of value from the scores of many customers: time and peak memory, against one DuckDB pass over the same file.

Usage: python benchmarks/value_scale.py [customers [memory_limit_gb]]

Scores of 10 million customers with profit are drawn by SQL into Parquet. `patronage.value.scored` then makes whale
curves of past, future and both, tiers, the grid of value and risk and the ranked value at risk of every customer, each
in a process of its own, so that its peak of resident memory is its own. The pass that it is held against reads and sums
every column of the file in a process of its own. Kept as value_scale.csv.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import ibis
import pandas as pd

from patronage.value.scored import write_value_of_scores

DRAWN = """
copy (
    select printf('C%09d', i) as customer_id, date '2024-12-31' as as_of, 365 as horizon_days,
           random() as probability_alive, random() as probability_active,
           5 * random() as expected_purchases, 20 + 80 * random() as expected_spend,
           least(0.999, random() * 1.1) as churn_probability,
           exp(3 + 1.2 * (random() + random() + random() + random() - 2) * 1.73) as clv, 'patronage/1' as model_version,
           round(exp(3.5 + 1.4 * (random() + random() + random() + random() - 2) * 1.73) - 60 * random(), 2)
               as past_profit,
           round(exp(2.5 + 1.4 * (random() + random() + random() + random() - 2) * 1.73) - 25 * random(), 6)
               as expected_profit
    from range({customers}) numbers(i)
) to '{path}' (format parquet)
"""


def drawn(path, customers):
    """Scores with profit."""
    with duckdb.connect() as con:
        con.sql("select setseed(0.5)")
        con.sql(DRAWN.format(customers=customers, path=path))


def one_pass(path, _limit, _out):
    """Read and sum every column."""
    with duckdb.connect() as con:
        con.sql("set threads = 2")
        names = [row[0] for row in con.sql(f"describe select * from '{path}'").fetchall()]
        numbers = [f"sum({name})" for name in names if name not in ("customer_id", "as_of", "model_version")]
        con.sql(f"select count(distinct model_version), sum(length(customer_id)), {', '.join(numbers)} from '{path}'")\
            .fetchall()  # fmt: skip


def value_tables(path, limit, out):
    """All tables of value."""
    con = ibis.duckdb.connect(threads=2, memory_limit=f"{limit}GB", temp_directory=f"{out}.spill")
    con.raw_sql("set preserve_insertion_order = false")
    write_value_of_scores(con.read_parquet(path), out)


def measured(what, path, limit, out):
    """A task in a process of its own: seconds of the clock and of the processors, and peak memory."""
    command = [sys.executable, __file__, "--task", what, path, str(limit), out]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(said.splitlines()[-1])


def task(what, path, limit, out):
    """Run a task in this process and print what it took."""
    begin = time.perf_counter()
    {"one pass": one_pass, "value tables": value_tables}[what](path, limit, out)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"seconds": time.perf_counter() - begin, "cpu_seconds": used.ru_utime + used.ru_stime,
                      "peak_gb": used.ru_maxrss / 2**20}))  # fmt: skip


def main():
    customers, limit = (int(given) for given in [*sys.argv[1:], *("10000000", "2")[len(sys.argv) - 1 :]])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/scores.parquet"
        drawn(path, customers)
        size = Path(path).stat().st_size / 2**20
        for what in ("one pass", "value tables"):
            took = measured(what, path, limit, f"{folder}/value")
            rows.append({"task": what, "customers": customers, "file_mb": size, "memory_limit_gb": limit, **took})
    table = pd.DataFrame(rows).round(2)
    print(table.to_string(index=False))
    if not sys.argv[1:]:
        table.to_csv(Path(__file__).with_suffix(".csv"), index=False)


if __name__ == "__main__":
    task(*sys.argv[2:]) if sys.argv[1:2] == ["--task"] else main()
