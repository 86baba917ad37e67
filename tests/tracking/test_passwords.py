"""Passwords are taken out of addresses in whatever form they are written, and nothing else is."""

import pytest

from patronage.tracking.passwords import (
    forget_passwords,
    lines_without_passwords,
    refused_letters,
    remember_passwords,
    without_passwords,
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql://crm:s3c@r:et@db:5432/crm", "postgresql://crm:***@db:5432/crm"),
        ("postgresql://:s3cret@db/crm", "postgresql://:***@db/crm"),
        (r"out=postgresql\://crm\:s3cret@db\:5432/crm", r"out=postgresql\://crm\:***@db\:5432/crm"),
        ("postgresql+psycopg://crm:s3cret@db/crm", "postgresql+psycopg://crm:***@db/crm"),
        ("postgresql://db/crm?user=crm&password=s3cret", "postgresql://db/crm?user=crm&password=***"),
        ("postgresql://db/crm?password=s3cret&sslpassword=t00", "postgresql://db/crm?password=***&sslpassword=***"),
        (
            "postgresql://127.0.0.1:5432/crm?user=c&password=s3/c@r@et",
            "postgresql://127.0.0.1:5432/crm?user=c&password=***",
        ),
        ("postgresql://h1:5432,h2:5433/crm?password=s3@cret", "postgresql://h1:5432,h2:5433/crm?password=***"),
        ("postgresql://crm:s3c ret@db/crm", "postgresql://crm:***@db/crm"),
        ("postgresql://db/crm?user=crm&password=s3c ret", "postgresql://db/crm?user=crm&password=***"),
        ("postgresql://crm:s3/c@ret@db:5432/crm", "postgresql://crm:***@db:5432/crm"),
        (r"host=db port=1 password=s3c\ ret dbname=crm", "host=db port=1 password=*** dbname=crm"),
        (
            "No server at postgresql://crm:s3cret@db/crm, says me@db",
            "No server at postgresql://crm:***@db/crm, says me@db",
        ),
        ("host=db password=s3c&ret dbname=crm", "host=db password=*** dbname=crm"),
        (r"password = 's3c \' ret' host=db", "password = *** host=db"),
        ("PASSWORD=s3cret", "PASSWORD=***"),
    ],
)
def test_a_password_is_found_in_every_form(given, expected):
    assert without_passwords(given) == expected
    assert without_passwords(expected) == expected
    assert without_passwords({"a": [given, 1, None]}) == {"a": [expected, 1, None]}


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://crm@db:5432/crm", "sqlite:///mlruns/mlflow.db", "http://host:5000", "me@host", "",
        "postgresql://crm:${oc.env:SECRET}@db/crm", "db?password=${oc.env:SECRET}&user=crm", "PGPASSWORD",
        "passwords=3", "a password belongs in ~/.pgpass", "http://h:5000/x@y", "http://h:80 is silent: ask me@h",
        "/data/password=1/x.parquet", "?password=x", "select 1 where password = 5", "postgresql://[::1]:5432/crm?x=a@b",
    ],
)  # fmt: skip
def test_what_is_no_password_stays(given):
    assert without_passwords(given) == given


@pytest.fixture
def forgetful():
    forget_passwords()
    yield
    forget_passwords()


def test_what_a_driver_repeats_of_a_remembered_password_is_masked(forgetful):
    remember_passwords("postgresql://crm:s3%20cret@db/crm")
    assert without_passwords('unexpected spaces found in "s3 cret", use s3%20cret') == (
        'unexpected spaces found in "***", use ***'
    )
    assert without_passwords("s3 cretaceous") == "s3 cretaceous"
    forget_passwords()
    assert without_passwords("s3 cret") == "s3 cret"


@pytest.mark.parametrize(
    ("address", "letters"),
    [
        ("postgresql://crm:s3/c?r#e t@db/crm", " #/?"), ("postgresql://db/crm?password=s 3/c&user=a b", " "),
        ("postgresql://db:5432/crm?password=s3@c/ret", ""), ("host=db password='s 3'", ""), ("http://h:5000/x@y", ""),
    ],
)  # fmt: skip
def test_letters_that_an_address_cannot_hold(address, letters):
    assert refused_letters(address) == letters


def test_lines_of_a_configuration_are_addresses_of_their_own():
    text = "out: postgresql://crm:s3c ret@db/crm\nseed: 1\nlist:\n- out=postgresql://crm:s3cret@db/crm\n"
    assert lines_without_passwords(text) == (
        "out: postgresql://crm:***@db/crm\nseed: 1\nlist:\n- out=postgresql://crm:***@db/crm\n"
    )
