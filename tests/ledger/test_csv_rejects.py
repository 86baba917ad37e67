"""No line of a CSV file may vanish: it is a row that is used, a row that is set aside, or the file is refused."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patronage.errors import ContractError, SourceError

HEADER = "id,day,amount\n"
GOOD = "a,2024-02-29,1\n"


def test_ragged_lines_and_bad_values_in_one_file(opened_text, refused):
    content = HEADER + GOOD + "b,2024-01-01\n" + "c,soon,1\n" + "d,soon,1,9\n" + GOOD
    ledger = opened_text(content)
    refused(ledger)
    rows = ledger.set_aside.order_by("reasons").to_pyarrow().to_pylist()
    assert [(row["source_row"], row["source_line"], row["reasons"], row["line"]) for row in rows] == [
        (2, None, "timestamp not a date", None),  # the second of the lines that could be split
        (None, 3, "unreadable line: missing columns", "b,2024-01-01"),
        (None, 5, "unreadable line: too many columns", "d,soon,1,9"),
    ]


def test_thousands_of_bad_lines_are_all_kept(opened_text, refused):
    ledger = opened_text(HEADER + (GOOD + "short\n" + "b,x,1\n") * 2500)
    refused(ledger)
    assert ledger.account.reasons == {"timestamp not a date": 2500, "unreadable line: missing columns": 2500}
    lines = ledger.set_aside.filter(ledger.set_aside.line.notnull())
    assert sorted(lines.source_line.execute()) == list(range(3, 7503, 3))
    assert set(lines.line.execute()) == {"short"}


def test_a_line_too_long_is_set_aside(opened_text, refused):
    ledger = opened_text(HEADER + GOOD + "b,2024-01-01," + "9" * 3_000_000 + "\n" + GOOD)
    assert refused(ledger) == {3: "unreadable line: line size over maximum"}
    assert ledger.account.rows_used == 2


@pytest.mark.parametrize("good_lines_before", [1, 20_000], ids=["near the header", "far from it"])
def test_bytes_of_another_encoding_are_set_aside(opened_text, refused, good_lines_before):
    content = (HEADER + GOOD * good_lines_before).encode() + b"Zo\xeb,2024-01-01,1\n" + GOOD.encode()
    ledger = opened_text(content)
    assert refused(ledger) == {good_lines_before + 2: "unreadable line: invalid encoding"}


def test_a_quote_that_hurts_one_line_costs_that_line(opened_text, refused):
    ledger = opened_text(HEADER + GOOD + '"b"x,2024-01-01,1\n' + '"c\nd",2024-01-01,1\n' + GOOD)
    assert refused(ledger) == {3: "unreadable line: unquoted value"}
    assert ledger.account.rows_used == 3


def test_every_line_behind_an_open_quote_counts(opened_text, refused):
    ledger = opened_text(HEADER + GOOD * 2 + '"b,2024-01-01,1\n' + GOOD * 40)
    assert list(refused(ledger)) == list(range(4, 45))
    with pytest.raises(ContractError, match="41 of 43 rows"):
        opened_text(HEADER + GOOD * 2 + '"b,2024-01-01,1\n' + GOOD * 40, share=0.1)


@pytest.mark.parametrize("lines", [2_000, 300_000], ids=["one record", "more than a record may hold"])
def test_lines_lost_behind_an_open_quote_refuse_the_file(opened_text, lines):
    with pytest.raises(SourceError, match=r"ledger\.csv holds .* lines that cannot be told apart: a quote is opened"):
        opened_text(HEADER + GOOD * 10 + '"b,2024-01-01,1\n' + GOOD * lines)


def test_set_aside_lines_carry_their_number_in_the_file(opened_text, refused):
    ledger = opened_text(HEADER + GOOD + "\n\nshort\n" + GOOD + '\n"b"y\n\nz,z,z,z')
    assert refused(ledger) == {
        5: "unreadable line: missing columns",
        8: "unreadable line: missing columns, unquoted value",
        10: "unreadable line: too many columns",
    }
    assert set(ledger.set_aside.line.execute()) == {"short", '"b"y', "z,z,z,z"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.sampled_from([GOOD, "\n", ",", "b", " ", "é", "2024-01-01", "'", ";", "\\", "b,soon,1\n"])))
def test_used_and_set_aside_add_up_to_the_lines_of_the_file(opened_text, refused, pieces):
    body = GOOD + "".join(pieces)
    ledger = opened_text(HEADER + body)
    refused(ledger)
    assert ledger.account.rows_in == sum(1 for line in body.split("\n") if line)
