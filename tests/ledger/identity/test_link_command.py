"""``patronage link``: from files to links, a review, and back."""

import csv

import pyarrow.parquet as pq
import pytest

from patronage.ledger.identity.schema import LINKS, PAIRS

SALES = "customer_id,timestamp,amount\n007,2020-01-05,1\nb,2020-01-02,2\nc,2020-01-03,4\nd,2020-01-04,8\n"
PEOPLE = "customer_id,email,phone\n007,A@x.de,030 1234567\nb,a+1@x.de,\nc,,0301234567\nd,d@x.de,\n"
SETTINGS = [
    "ledger=files", "ledger.path=sales.csv", "ledger.customers.path=people.csv",
    "ledger.customers.attributes=[email,phone]",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sales.csv").write_text(SALES)
    (tmp_path / "people.csv").write_text(PEOPLE)
    return tmp_path


def review_rows(folder):
    with (folder / "outputs/link/review.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_links_are_written_reviewed_and_written_again(patronage, folder):
    done = patronage(folder, "link", *SETTINGS)
    assert done.returncode == 0, done.stderr
    links = pq.read_table(folder / "outputs/link/links.parquet")
    assert links.column_names == list(LINKS.names)
    # b bought first, on 2 January.
    assert dict(zip(links["customer_id"].to_pylist(), links["person_id"].to_pylist(), strict=True)) == dict.fromkeys(
        ["b", "c", "007"], "b"
    )
    assert pq.read_table(folder / "outputs/link/pairs.parquet").column_names == list(PAIRS.names)
    assert "the key first_name+last_name+birth_date is not used" in done.stdout
    rows = review_rows(folder)
    assert [(row["customer_id_a"], row["customer_id_b"], row["decision"]) for row in rows] == [
        ("007", "b", ""), ("007", "c", ""),
    ]  # fmt: skip
    assert (rows[0]["email_a"], rows[0]["email_b"]) == ("A@x.de", "a+1@x.de")

    text = (folder / "outputs/link/review.csv").read_text(encoding="utf-8-sig")
    header, first, second = text.splitlines()
    (folder / "outputs/link/review.csv").write_text("\n".join([header, "reject" + first, second]) + "\n")
    refused = patronage(folder, "link", *SETTINGS)
    assert refused.returncode == 2
    assert "holds 1 decisions that this run was not told of" in refused.stderr
    assert pq.read_table(folder / "outputs/link/links.parquet").equals(links)

    again = patronage(folder, "link", *SETTINGS, "identity.reviewed=outputs/link/review.csv")
    assert again.returncode == 0, again.stderr
    links = pq.read_table(folder / "outputs/link/links.parquet")
    assert set(links["customer_id"].to_pylist()) == {"c", "007"}
    assert {(row["customer_id_b"], row["decision"]) for row in review_rows(folder)} == {("b", "reject"), ("c", "")}


@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        (["identity=none"], 2, "identity=none looks for nobody"),
        (["identity.keys=[[town]]"], 2, "None of the keys can be compared"),
        (["identity.reviewed=nowhere.csv"], 3, "nowhere.csv cannot be read"),
        (["ledger.customers.path=null"], 3, "this ledger has no table of customers"),
    ],
)
def test_what_cannot_be_done_is_refused(patronage, folder, settings, code, message):
    done = patronage(folder, "link", *SETTINGS, *settings)
    assert done.returncode == code
    assert message in done.stderr.replace("\n", " ")
    assert not (folder / "outputs/link").exists()
