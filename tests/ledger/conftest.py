"""Ledgers from files that a test writes itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patronage import FilesSource, open_ledger
from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.ledger.opening import Ledger

COLUMNS = {"customer_id": "id", "timestamp": "day", "amount": "amount"}


@pytest.fixture(scope="session")
def connection() -> Any:
    """One engine for many ledgers, as in a notebook: they must not disturb one another."""
    return DuckDbEngine(threads=2).connection


@pytest.fixture
def opened(connection: Any) -> Callable[..., Ledger]:
    """Open files whose columns are id, day and amount; all but the last row may be refused."""

    def open_path(path: Path | str, columns: dict[str, str] | None = None, share: float = 1.0, **kwargs: Any) -> Ledger:
        source = FilesSource(str(path), COLUMNS if columns is None else columns, **kwargs)
        return open_ledger(source, connection, max_set_aside_share=share)

    return open_path


@pytest.fixture
def opened_text(opened: Callable[..., Ledger], tmp_path: Path) -> Callable[..., Ledger]:
    """Write text or bytes to a CSV file and open it."""

    def open_text(content: str | bytes, **kwargs: Any) -> Ledger:
        path = tmp_path / "ledger.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return opened(path, **kwargs)

    return open_text


@pytest.fixture
def used() -> Callable[[Ledger], list[tuple[str, str, float]]]:
    """The rows of a ledger that fit, in order, with the timestamp as text."""

    def rows(ledger: Ledger) -> list[tuple[str, str, float]]:
        found = ledger.transactions.to_pyarrow().to_pylist()
        return sorted((row["customer_id"], f"{row['timestamp']:%Y-%m-%d %H:%M:%S}", row["amount"]) for row in found)

    return rows


@pytest.fixture
def refused() -> Callable[[Ledger], dict[int, str]]:
    """Row of the file to reasons; checks on the way that every row is accounted for."""

    def rows(ledger: Ledger) -> dict[int, str]:
        account = ledger.account
        found = ledger.set_aside.to_pyarrow().to_pylist()
        assert account.rows_in == account.rows_used + account.rows_set_aside
        assert account.rows_used == ledger.transactions.count().execute()
        assert account.rows_set_aside == len(found)
        counted: dict[str, int] = {}
        for row in found:
            reasons = [row["reasons"]] if row["reasons"].startswith("unreadable") else row["reasons"].split("; ")
            for reason in reasons:
                counted[reason] = counted.get(reason, 0) + 1
            assert Path(row["source_file"]).is_file()
        assert account.reasons == counted
        return {row["source_row"] or row["source_line"]: row["reasons"] for row in found}

    return rows
