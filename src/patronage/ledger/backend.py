"""The engine that holds the ledger: DuckDB, reached through Ibis."""

from typing import Any

import ibis


def connect_duckdb(
    threads: int | None = None, memory_limit: str | None = None, temp_directory: str | None = None
) -> Any:
    """Open a DuckDB database in memory that spills to disk when it must.

    Parameters
    ----------
    threads : int, optional
        Number of threads; all cores if not given.
    memory_limit : str, optional
        For example ``"4GB"``; DuckDB's own default (80 % of the machine) if not given.
    temp_directory : str, optional
        Where to spill.

    Returns
    -------
    ibis.backends.duckdb.Backend
    """
    settings = {"threads": threads, "memory_limit": memory_limit, "temp_directory": temp_directory}
    return ibis.duckdb.connect(**{key: value for key, value in settings.items() if value is not None})
