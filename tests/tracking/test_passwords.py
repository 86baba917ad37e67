"""Passwords are taken out of addresses in whatever form they are written, and nothing else is."""

import pytest

from patronage.tracking.passwords import without_passwords


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql://crm:s3c@r:et@db:5432/crm", "postgresql://crm:***@db:5432/crm"),
        ("postgresql://:s3cret@db/crm", "postgresql://:***@db/crm"),
        (r"out=postgresql\://crm\:s3cret@db\:5432/crm", r"out=postgresql\://crm\:***@db\:5432/crm"),
        ("postgresql+psycopg://crm:s3cret@db/crm", "postgresql+psycopg://crm:***@db/crm"),
        ("postgresql://db/crm?user=crm&password=s3cret", "postgresql://db/crm?user=crm&password=***"),
        ("postgresql://db/crm?password=s3cret&sslpassword=t00", "postgresql://db/crm?password=***&sslpassword=***"),
        (r"db?password\=s3cret", r"db?password\=***"),
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
        "passwords=3", "a password belongs in ~/.pgpass",
    ],
)  # fmt: skip
def test_what_is_no_password_stays(given):
    assert without_passwords(given) == given
