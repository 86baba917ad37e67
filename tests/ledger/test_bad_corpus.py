"""A corpus of malformed ledgers: each gives a clear error, or an exact account of rows set aside; never a wrong number.

Every entry says what is wrong with it and what has to become of it: an error whose message names the matter, or the
reasons with their counts beside the rows that are used.
"""

import gzip
import json
import struct
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patronage import FilesSource, open_ledger
from patronage.errors import ContractError, InputError, SourceError
from patronage.ledger.rules import ContractRules

HEADER = "customer_id,timestamp,amount\n"
GOOD = [("a", "2024-02-29", 1.25), ("b", "2024-03-01", -2.0), ("a", "2024-03-02", 0.0)]
LINES = "".join(f"{customer},{day},{amount}\n" for customer, day, amount in GOOD)
DAY = datetime(2024, 2, 29)
Content = str | bytes | dict[str, str | bytes]


@dataclass(frozen=True)
class Bad:
    """One malformed ledger.

    `content` is the text or bytes of a file of this name, or of several by their names. Either `error` is part of the
    message that refuses it, or `reasons` are those of its rows set aside, in counts, and the rows used are `used`.
    """

    what: str
    content: Content
    error: str = ""
    reasons: dict[str, int] = field(default_factory=dict)
    used: list[tuple[str, str, float]] = field(default_factory=lambda: GOOD)
    name: str = "ledger.csv"
    aside: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    rules: ContractRules = field(default_factory=ContractRules)
    kind: type[InputError] = InputError


def line(customer: str = "z", day: str = "2024-03-03", amount: str = "1") -> str:
    """One row of CSV, of which one part may be bad."""
    return f"{customer},{day},{amount}\n"


def parquet(**columns: Any) -> bytes:
    """A Parquet file of the good rows with some columns replaced."""
    good = {
        "customer_id": [row[0] for row in GOOD],
        "timestamp": [datetime.fromisoformat(row[1]) for row in GOOD],
        "amount": [row[2] for row in GOOD],
    }
    return table_bytes(pa.table({**good, **columns}))


def table_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def jsonl(*rows: Any) -> str:
    good = [dict(zip(("customer_id", "timestamp", "amount"), row, strict=True)) for row in GOOD]
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in (*good, *rows))


def damaged(content: bytes, position: int, piece: bytes) -> bytes:
    return content[:position] + piece + content[position + len(piece) :]


WHOLE = parquet()
ZIPPED = gzip.compress((HEADER + LINES + line() * 3000).encode(), mtime=0)
MIXED_DATES = HEADER + LINES + line(day="03/04/2024") + line(day="4.3.2024") + line(day="March 4 2024")

CORPUS = [
    # Encodings.
    Bad("bytes of Latin-1 in a file of UTF-8", (HEADER + LINES).encode() + "Zoë,2024-03-03,1\n".encode("latin-1"),
        reasons={"unreadable line: invalid encoding": 1}),
    Bad("UTF-16 without being told", (HEADER + LINES).encode("utf-16"), error="not a CSV file in UTF-8"),
    Bad("UTF-16 cut within a letter", (HEADER + LINES).encode("utf-16")[:-1], error="is not in utf-16",
        settings={"encoding": "utf-16"}),
    Bad("a header in Latin-1", "customer_id,timestamp,amount,größe\n".encode("latin-1"), error="another encoding"),
    Bad("UTF-8 that is called ASCII", (HEADER + LINES + line("Zoë")).encode(), error="is not in ascii",
        settings={"encoding": "ascii"}),
    Bad("an executable that is called CSV", b"\x7fELF\x02\x01\x01\x00" + bytes(range(256)) * 8, error="ledger.csv"),
    Bad("a NUL within an id and within a number", HEADER + LINES + line(amount="1\0") + line(day="2024-03-03\0"),
        reasons={"amount not a number": 1, "timestamp not a date": 1}),
    # Dates.
    Bad("dates in several formats", MIXED_DATES, reasons={"timestamp not a date": 3}),
    Bad("days first where the pattern says month first", HEADER + "a,02/29/2024,1\nb,29/02/2024,2\n",
        reasons={"timestamp not a date": 1}, used=[("a", "2024-02-29", 1.0)],
        settings={"timestamp_format": "%m/%d/%Y"}),
    Bad("the 29th of February of a common year", HEADER + LINES + line(day="2023-02-29"),
        reasons={"timestamp not a date": 1}),
    Bad("the 31st of April and a 13th month", HEADER + LINES + line(day="2024-04-31") + line(day="2024-13-01"),
        reasons={"timestamp not a date": 2}),
    Bad("an hour that no day has", HEADER + LINES + line(day="2024-03-03 24:01") + line(day="2024-03-03 12:60"),
        reasons={"timestamp not a date": 2}),
    Bad("words for days", HEADER + LINES + line(day="now") + line(day="epoch") + line(day="-infinity"),
        reasons={"timestamp not a date": 3}),
    Bad("years of two digits", HEADER + LINES + line(day="24-03-03"), reasons={"timestamp not a date": 1}),
    Bad("years that cannot be", HEADER + LINES + line(day="0024-03-03") + line(day="9999-12-31"),
        reasons={"timestamp out of range": 2}),
    Bad("days of Excel and seconds since 1970", HEADER + LINES + line(day="45353") + line(day="1709424000"),
        reasons={"timestamp not a date": 2}),
    Bad("offsets that no place has", HEADER + LINES + line(day="2024-03-03T00:00:00+25:00"),
        reasons={"timestamp not a date": 1}),
    Bad("future dates under a limit", HEADER + LINES + line(day="2024-03-04"), reasons={"later than 2024-03-03": 1},
        rules=ContractRules(latest=date(2024, 3, 3))),
    Bad("dates of Parquet beyond all calendars",
        parquet(timestamp=pa.array([0, 2**30, -(2**30)], pa.date32())), used=[("a", "1970-01-01", 1.25)],
        reasons={"timestamp not a date": 2}, name="x.parquet"),
    Bad("whole numbers for dates", parquet(timestamp=[20240229] * 3), error="timestamp_format", name="x.parquet"),
    # Amounts.
    Bad("amounts that are no finite numbers", HEADER + LINES + line(amount="NaN") + line(amount="-inf") + line(
        amount="1e999"), reasons={"amount not finite": 3}),
    Bad("amounts beyond all money", HEADER + LINES + line(amount="1e12") + line(amount="-9999999999999"),
        reasons={"amount out of range": 2}),
    Bad("amounts with signs of currencies", HEADER + LINES + line(amount="€5") + line(amount="5 EUR") +
        line(amount="$5"),
        reasons={"amount not a number": 3}),
    Bad("amounts in other notations", HEADER + LINES + line(amount="0x1F") + line(amount="1_000") + line(amount="1e") +
        line(amount="٣") + line(amount="½") + line(amount="--1") + line(amount="(5)"),
        reasons={"amount not a number": 7}),
    Bad("decimal commas without being told", HEADER + LINES + line(amount='"1,50"'),
        reasons={"amount not a number": 1}),
    Bad("decimal points under decimal commas", HEADER.replace(",", ";") + "a;2024-02-29;1,25\nb;2024-02-29;1.5\n",
        used=[("a", "2024-02-29", 1.25)], reasons={"amount not a number": 1},
        settings={"decimal": ",", "delimiter": ";"}),
    Bad("absurd amounts under a limit", HEADER + LINES + line(amount="1000.01"),
        reasons={"amount larger than allowed": 1}, rules=ContractRules(largest_amount=1000)),
    Bad("NaN and infinity in Parquet", parquet(amount=[1.25, float("nan"), float("-inf")]), used=GOOD[:1],
        reasons={"amount not finite": 2}, name="x.parquet"),
    Bad("truth for money", parquet(amount=[True, False, True]), error="amount .* is of type boolean", name="x.parquet"),
    Bad("words for money in one file of several", {"1.parquet": WHOLE, "2.parquet": parquet(amount=["x", "2.5", ""])},
        used=[*GOOD, ("b", "2024-03-01", 2.5)], reasons={"amount not a number": 1, "amount missing": 1}, name=""),
    # Ids.
    Bad("ids that are missing or blank", HEADER + LINES + line("") + line('"  "') + line('"\t"') + line('""'),
        reasons={"customer_id missing": 4}),
    Bad("ids that are numbers in one file and text in another",
        {"1.parquet": parquet(customer_id=[7, 8, 7]), "2.parquet": parquet(customer_id=["7", "08", None])},
        used=[("7", "2024-02-29", 1.25), ("8", "2024-03-01", -2.0), ("7", "2024-03-02", 0.0),
              ("7", "2024-02-29", 1.25), ("08", "2024-03-01", -2.0)], reasons={"customer_id missing": 1}, name=""),
    Bad("ids that were numbers with gaps", parquet(customer_id=[7.0, float("nan"), 8.5]), name="x.parquet",
        used=[("7", "2024-02-29", 1.25), ("8.5", "2024-03-02", 0.0)], reasons={"customer_id missing": 1}),
    Bad("ids that are lists", parquet(customer_id=[["a"], ["b"], []]), error="customer_id .* is of type array",
        name="x.parquet"),
    Bad("ids that are bytes", parquet(customer_id=[b"a", b"b", b""]), error="customer_id .* is of type binary",
        name="x.parquet"),
    Bad("ids that are SQL", HEADER + LINES + line("'; DROP TABLE transactions; --") + line('"x""); DELETE FROM t; --"'),
        used=[*GOOD, ("'; DROP TABLE transactions; --", "2024-03-03", 1.0),
        ('x"); DELETE FROM t; --', "2024-03-03", 1.0)]),
    Bad("ids that are paths, formulas and markup", HEADER + LINES + line("../../etc/passwd") +
        line("=cmd|' /C calc'!A0") +
        line("<script>alert(1)</script>") + line("${jndi:ldap://x}"),
        used=[*GOOD, *((name, "2024-03-03", 1.0) for name in (
            "../../etc/passwd", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "${jndi:ldap://x}"))]),
    Bad("an id as long as a page", HEADER + LINES + line("x" * 100_000), used=[*GOOD, ("x" * 100_000, "2024-03-03",
        1.0)]),
    Bad("ids that look alike stay apart", HEADER + line("Ann") + line("ann") + line("Ａnn") + line("A\u200bnn"),
        used=[(name, "2024-03-03", 1.0) for name in ("Ann", "ann", "Ａnn", "A\u200bnn")]),
    # Columns.
    Bad("a missing column", "customer_id,timestamp\na,2024-02-29\n", error=r"lacks the column amount \(for amount\)",
        kind=ContractError),
    Bad("columns in another case", "Customer_ID,Timestamp,Amount\na,2024-02-29,1\n", error="lacks the columns"),
    Bad("a column twice", "customer_id,timestamp,amount,amount\na,2024-02-29,1,2\n", error="more than once: amount"),
    Bad("a Parquet column twice but for its case", table_bytes(pa.table(
        [["a"], ["b"], [DAY], [1.0]], names=["customer_id", "CUSTOMER_ID", "timestamp", "amount"])),
        error="more than once: customer_id", name="x.parquet"),
    Bad("no header", LINES, error="lacks the columns customer_id"),
    Bad("a blank line for a header", "\n" + HEADER + LINES, error="no header line"),
    Bad("another delimiter", (HEADER + LINES).replace(",", ";"),
        error="lacks the columns.*customer_id;timestamp;amount"),
    Bad("names of columns that are SQL", 'customer_id,timestamp,amount,"x""); DROP TABLE t; --"\na,2024-02-29,1,y\n',
        used=[("a", "2024-02-29", 1.0)]),
    Bad("one file of several without the column", {"1.csv": HEADER + LINES, "2.csv": "customer_id,timestamp\na,x\n"},
        error=r"2\.csv lacks the column amount", name=""),
    # Lines.
    Bad("ragged lines", HEADER + LINES + "z\nz,2024-03-03\n" + "z,2024-03-03,1,9\n",
        reasons={"unreadable line: missing columns": 2, "unreadable line: too many columns": 1}),
    Bad("line ends and delimiters within quotes", HEADER + LINES + '"x\ny,z",2024-03-03,1\n',
        used=[*GOOD, ("x\ny,z", "2024-03-03", 1.0)]),
    Bad("a quote that is not closed", HEADER + LINES + '"z,2024-03-03,1\n' + LINES * 3,
        reasons={"unreadable line: unquoted value": 10}),
    Bad("a quote that is not closed in a long file", HEADER + LINES + '"z,2024-03-03,1\n' + LINES * 1000,
        error="lines that cannot be told apart", kind=SourceError),
    Bad("a quote within a field", HEADER + LINES + '"z"x,2024-03-03,1\n',
        reasons={"unreadable line: unquoted value": 1}),
    Bad("a line too long for any reader", HEADER + LINES + line("z" * 3_000_000),
        reasons={"unreadable line: line size over maximum": 1}),
    Bad("all kinds of line ends", (HEADER + LINES).encode().replace(b"\n", b"\r\n") +
        b"c,2024-03-03,1\rd,2024-03-03,1\n",
        used=[*GOOD, ("c", "2024-03-03", 1.0), ("d", "2024-03-03", 1.0)]),
    Bad("the header again in the middle", HEADER + LINES + HEADER, reasons={
        "timestamp not a date": 1, "amount not a number": 1}, aside=1),
    Bad("totals at the end", HEADER + LINES + ",,12345\nTotal,,12345\n", reasons={
        "customer_id missing": 1, "timestamp missing": 2}, aside=2),
    # Files.
    Bad("no bytes", b"", error="empty .0 bytes."),
    Bad("a header alone", HEADER, error="holds no transactions", kind=SourceError),
    Bad("a Parquet file without rows", table_bytes(pq.read_table(pa.BufferReader(WHOLE)).slice(0, 0)),
        error="holds no transactions", name="x.parquet"),
    Bad("empty parts among full ones", {"1.csv": HEADER, "2.csv": HEADER + LINES}, name=""),
    Bad("a part of no bytes among full ones", {"1.csv": "", "2.csv": HEADER + LINES},
        error="1 of 2 ledger files are empty",
        name=""),
    Bad("a folder without files", {}, error="No ledger file at", name=""),
    Bad("a folder of other files", {"notes.md": "x", "sales.xlsx": b"PK\3\4"}, error="No ledger file at", name=""),
    Bad("a Parquet file cut off", WHOLE[:-20], error=r"x\.parquet cannot be read", name="x.parquet"),
    Bad("the first half of a Parquet file", WHOLE[: len(WHOLE) // 2], error="cannot be read", name="x.parquet"),
    Bad("a Parquet file whose footer lies", damaged(WHOLE, len(WHOLE) - 8, struct.pack("<i", 2**30)),
        error="cannot be read", name="x.parquet"),
    Bad("CSV that is called Parquet", HEADER + LINES, error="cannot be read", name="x.parquet"),
    Bad("Parquet that is called CSV", WHOLE, error=r"ledger\.csv"),
    Bad("gzip that is called CSV", ZIPPED, error="not a CSV file in UTF-8"),
    Bad("a gzip file cut off", ZIPPED[: len(ZIPPED) // 2], error="not a complete gzip file", name="x.csv.gz"),
    Bad("a gzip file with a wrong checksum", damaged(ZIPPED, len(ZIPPED) - 8, b"\0\0\0\0"),
        error="not a complete gzip file", name="x.csv.gz"),
    # JSON lines.
    Bad("JSON lines that are broken", jsonl('{"customer_id": "z"', "nonsense", "[]", "7"), name="x.jsonl",
        reasons={"unreadable line: not a JSON object": 4}),
    Bad("JSON values that are objects", jsonl({"customer_id": {"$oid": "1"}, "timestamp": "2024-03-03", "amount": 1}),
        reasons={"unreadable line: a list or an object in customer_id": 1}, name="x.jsonl"),
    Bad("JSON values that are missing or null", jsonl({"customer_id": None, "amount": 1}, {}), name="x.jsonl",
        reasons={"customer_id missing": 2, "timestamp missing": 2, "amount missing": 1}, aside=2),
    Bad("a JSON document in place of lines", json.dumps([{"customer_id": "a"}], indent=1), name="x.jsonl",
        error="JSON lines are expected"),
    Bad("JSON numbers beyond a float", jsonl('{"customer_id": "z", "timestamp": "2024-03-03", "amount": 1e400}'),
        reasons={"amount not finite": 1}, name="x.jsonl"),
    # Folders and copies.
    Bad("folders whose names are SQL", {"shop='; DROP TABLE x; --/1.csv": HEADER + LINES}, name="",
        settings={"columns": {"customer_id": "customer_id", "timestamp": "timestamp", "amount": "amount",
                              "sales_channel": "shop"}}),
    Bad("exact copies that are dropped", HEADER + LINES + LINES, reasons={"copy of an earlier row": 3},
        rules=ContractRules(duplicates="drop")),
    Bad("several currencies", "customer_id,timestamp,amount,c\na,2024-02-29,1,EUR\nb,2024-02-29,1,USD\n",
        error="2 currencies: EUR 1 row, USD 1 row",
        settings={"columns": {"customer_id": "customer_id", "timestamp": "timestamp", "amount": "amount",
                              "currency": "c"}}),
]  # fmt: skip


def test_the_corpus_is_large_enough():
    assert len(CORPUS) >= 60
    assert len({entry.what for entry in CORPUS}) == len(CORPUS)


def written(entry: Bad, folder: Path) -> Path:
    """Put the files of an entry into a folder."""
    files = entry.content if isinstance(entry.content, dict) else {entry.name: entry.content}
    (folder / "data").mkdir()
    for name, content in files.items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "data" / entry.name


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry.what)
def test_a_malformed_ledger(entry, connection, tmp_path):
    columns = {"customer_id": "customer_id", "timestamp": "timestamp", "amount": "amount"}
    source = FilesSource(str(written(entry, tmp_path)), **{"columns": columns, **entry.settings})
    target = tmp_path / "aside.parquet"
    if entry.error:
        with pytest.raises(entry.kind, match=entry.error):
            open_ledger(source, connection, 1.0, target, entry.rules)
        return
    ledger = open_ledger(source, connection, 1.0, target, entry.rules)
    account = ledger.account
    aside = sum(entry.reasons.values()) if entry.aside is None else entry.aside
    assert account.reasons == entry.reasons
    assert (account.rows_in, account.rows_used, account.rows_set_aside) == (
        len(entry.used) + aside,
        len(entry.used),
        aside,
    )
    rows = ledger.transactions.to_pyarrow().to_pylist()
    assert sorted((row["customer_id"], f"{row['timestamp']:%Y-%m-%d}", row["amount"]) for row in rows) == sorted(
        entry.used
    )
    assert account.customers == len({row[0] for row in entry.used})
    assert account.money_used.amount == pytest.approx(sum(row[2] for row in entry.used), abs=1e-9)
    if aside:
        found = pq.read_table(target).to_pylist()
        assert len(found) == aside
        counted: dict[str, int] = {}
        for reason in (one for row in found for one in _reasons(row["reasons"])):
            counted[reason] = counted.get(reason, 0) + 1
        assert counted == entry.reasons
    else:
        assert not target.exists()


def _reasons(text: str) -> list[str]:
    return [text] if text.startswith("unreadable") else text.split("; ")
