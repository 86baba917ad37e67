"""What makes two spellings the same: case, width, blanks, tags in e-mail addresses, punctuation of numbers.

Every rule is an Ibis expression. The one thing engines do not share is the compatibility form of Unicode (NFKC, which
makes full-width letters plain and ligatures two letters): DuckDB has it of Arrow, Spark of Python, PostgreSQL itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis

from patronage.errors import ConfigError

KINDS = ("text", "email", "phone", "code", "date")
"""How a column is normalised: names and the like; e-mail; telephone; postcodes and other codes; dates."""

KIND_OF_COLUMN = {"email": "email", "phone": "phone", "postcode": "code", "birth_date": "date"}
"""Kinds of columns with usual names."""

JUNK = (
    "-", "--", "?", "0", "n/a", "na", "nan", "nil", "none", "null", "unknown", "undefined", "missing", "no name",
    "test", "anonymous", "guest", "xxx", "asdf", "not available", "not provided", "no email", "no phone",
    "test@test.com", "none@none.com", "na@na.com", "noemail@noemail.com", "no@email.com", "unknown@unknown.com",
    "1234567", "12345678", "123456789", "1234567890", "0123456789", "1970-01-01", "1900-01-01",
)  # fmt: skip
"""What people and programs write where they know nothing. It counts as missing, after normalisation."""

MIN_PHONE_DIGITS = 7
"""A number with fewer digits is an extension or a slip; it would join strangers."""

INVISIBLE = "[\u00ad\u200b\u200c\u200d\u2060\ufeff]"
"""Soft hyphens, joiners and byte order marks, which copying from web pages leaves behind."""


@dataclass(frozen=True)
class Spelling:
    """What is ignored when values are compared.

    Attributes
    ----------
    ignore_email_tags : bool
        anna+shop@example.com counts as anna@example.com.
    ignore_email_dots : bool
        an.na@example.com counts as anna@example.com; so for some providers, not for all.
    phone_country : str or None
        Calling code, such as ``"49"``, of numbers that are written without one. Without it a number in the national and
        one in the international form stay different.
    junk : sequence of str or None
        Values that count as missing; compared as normalised texts. None for `JUNK`.
    """

    ignore_email_tags: bool = True
    ignore_email_dots: bool = False
    phone_country: str | None = None
    junk: Sequence[str] | None = None

    def __post_init__(self) -> None:
        country = self.phone_country
        if country is not None and not (str(country).isdecimal() and str(country)[0] != "0"):
            message = f"phone_country must be a calling code without + and leading zeros, such as 49; got {country!r}."
            raise ConfigError(message)


def check_kinds(kinds: Mapping[str, str]) -> None:
    """Refuse kinds of columns that are none.

    Raises
    ------
    ConfigError
        Naming the columns and their kinds.
    """
    wrong = {column: kind for column, kind in kinds.items() if kind not in KINDS}
    if wrong:
        given = ", ".join(f"{column}: {kind}" for column, kind in wrong.items())
        message = f"A column of the customers is one of {', '.join(KINDS)}; got {given}."
        raise ConfigError(message)


def kind_of(column: str, kinds: Mapping[str, str], usual: str = "text") -> str:
    """The kind of a column: as stated, else as its name says, else `usual`."""
    return kinds.get(column, KIND_OF_COLUMN.get(column, usual))


def normalised(customers: Any, kinds: Mapping[str, str], spelling: Spelling) -> Any:
    """The attributes that identify customers, spelt alike.

    Parameters
    ----------
    customers : ibis.Table
        As described in `schema.CUSTOMERS`, with attributes.
    kinds : mapping of str to str
        Columns to read, each with its kind, one of `KINDS`.
    spelling : Spelling

    Returns
    -------
    ibis.Table
        customer_id, and each column as string; missing where the value is missing, empty, junk, or no such thing (an
        e-mail without an @, a number of fewer than 7 digits or of one digit repeated).

    Raises
    ------
    ConfigError
        If the engine cannot compute the compatibility form of Unicode.
    """
    compatible = _compatibility_form(customers.get_backend().name)
    columns = {name: _normal(customers[name], kind, spelling, compatible) for name, kind in kinds.items()}
    table = customers.select("customer_id", **columns)
    real = {name: _without_junk(table[name], list(JUNK if spelling.junk is None else spelling.junk)) for name in kinds}
    return table.select("customer_id", **real)


def computed_once(rows: Any) -> Any:
    """Hold normalised rows on their engine until the result is no longer used."""
    if rows.get_backend().name == "pyspark":
        rows.limit(
            0
        ).to_pyarrow()  # Ibis makes its functions known to Spark when it runs a query, not when it caches one
    return rows.cache()


def _without_junk(values: Any, junk: list[str]) -> Any:
    return ibis.ifelse(values.isin(["", *junk]), ibis.null("string"), values)


def _normal(values: Any, kind: str, spelling: Spelling, compatible: Any) -> Any:
    if kind == "date":
        return values.cast("string").strip() if values.type().is_string() else values.cast("date").cast("string")
    text = compatible(values.cast("string")).re_replace(INVISIBLE, "").lower()
    if kind == "email":
        return _email(text, spelling)
    if kind == "phone":
        return _phone(text, spelling.phone_country)
    if kind == "code":
        return text.re_replace(r"[\s./_-]+", "")
    return text.re_replace(r"\s+", " ").strip()


def _email(text: Any, spelling: Spelling) -> Any:
    address = text.re_replace(r"\s+", "")
    if spelling.ignore_email_tags:
        address = address.re_replace(r"[+][^@]*@", "@")
    if spelling.ignore_email_dots:
        mailbox = address.re_extract("^[^@]*", 0).replace(".", "")
        address = mailbox + address.re_extract("@.*$", 0)
    return ibis.ifelse(address.re_search("^[^@]+@[^@]+[.][^@.]+$"), address, ibis.null("string"))


def _phone(text: Any, country: str | None) -> Any:
    plain = text.replace("(0)", "")
    digits = plain.re_replace("[^0-9]+", "")
    international = plain.re_search(r"^\s*[(]?[+]") | digits.startswith("00")
    number = digits.re_replace("^00", "")
    if country is not None:
        national = ibis.literal(str(country)) + digits.re_replace("^0", "")
        number = ibis.ifelse(international, number, national)
    one_digit = digits.replace(digits.substr(0, 1), "").length() == 0
    useless = (digits.length() < MIN_PHONE_DIGITS) | one_digit
    return ibis.ifelse(useless, ibis.null("string"), number)


def _compatibility_form(engine: str) -> Any:
    """What makes a column's texts NFKC; missing values stay missing."""
    if engine == "duckdb":

        @ibis.udf.scalar.pyarrow(name="patronage_nfkc")  # type: ignore[untyped-decorator]
        def by_arrow(text: str) -> str:
            import pyarrow.compute

            return pyarrow.compute.utf8_normalize(text, form="NFKC")  # type: ignore[no-any-return]

        return by_arrow
    if engine == "pyspark":

        @ibis.udf.scalar.python(name="patronage_nfkc")  # type: ignore[untyped-decorator]
        def by_python(text: str) -> str:
            import unicodedata

            return None if text is None else unicodedata.normalize("NFKC", text)

        return by_python
    if engine == "postgres":

        @ibis.udf.scalar.builtin(name="normalize", database="pg_catalog")  # type: ignore[untyped-decorator]
        def by_postgres(text: str, form: str) -> str:  # type: ignore[empty-body]
            """PostgreSQL's own function."""

        return lambda text: by_postgres(text, "NFKC")
    message = f"Customers are linked on duckdb, spark and postgres; this ledger is on {engine}. Use identity=none."
    raise ConfigError(message)
