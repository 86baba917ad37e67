"""Passwords within addresses, which nothing that is kept or printed may repeat."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

STARS = "***"
"""Stands for a password."""

ELSEWHERE = re.compile(r"\$\{oc\.env:[^{},]*\}")
"""No password, but the environment variable that holds it."""

SHORTEST = 4
"""Letters of the shortest password that is found again where no address is around it."""

_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*\\?://")
_PORT = r"(?!\d{1,5}(?:[\s/?#,]|$))"
_USER = rf"(?P<before>\w\\?://[^:/\s?@\[]*:{_PORT})"
_KEY = r"(?P<before>\w\\?://\S*?[?&]{}\\?=)"
_IN_TEXT = (
    # scheme://user:password@, also as Hydra writes it, with a backslash before colons; it may hold an @ itself.
    re.compile(rf"{_USER}(?P<secret>\S*)(?=@)"),
    # A parameter of an address: ?user=me&password=password
    *(re.compile(_KEY.format(key) + r"(?P<secret>[^&\s]+)", re.IGNORECASE) for key in ("password", "sslpassword")),
)
_WHOLE = (
    # The same where the text is nothing but the address: blanks belong to it, though no server would take them.
    re.compile(rf"{_USER}(?P<secret>.*)(?=@)", re.DOTALL),
    *(
        re.compile(_KEY.format(key) + r"(?P<secret>[^&]+)", re.IGNORECASE | re.DOTALL)
        for key in ("password", "sslpassword")
    ),
)
_QUOTED = r"'(?:[^'\\]|\\.)*'"
_LIBPQ = re.compile(
    # A word of a connection string of libpq: user=me password='pass word'
    rf"(?P<before>(?<![\w?&/])(?:ssl)?password\s*\\?=\s*)(?P<secret>{_QUOTED}|(?:\\.|[^\s\\'=])(?:\\.|[^\s\\])*)",
    re.IGNORECASE,
)
_LIBPQ_WORDS = re.compile(
    r"^\s*(?:ssl)?password\s*\\?=|(?<!\w)(?:host|hostaddr|port|dbname|user|service|sslmode)\s*\\?=", re.IGNORECASE
)
"""What tells such a string from other texts with a password in them."""

_remembered: set[str] = set()


def remember_passwords(text: str) -> None:
    """Have `without_passwords` find the passwords of an address wherever they stand: drivers repeat parts of them."""

    def keep(secret: str) -> str:
        remember(secret)
        return secret

    replaced(text, keep)


def remember(secret: str) -> None:
    """The same of one password, as it stands in an address."""
    bare = secret.strip("'")
    _remembered.update(one for one in (bare, unquote(bare)) if len(one) >= SHORTEST and one != STARS)


def forget_passwords() -> None:
    """Undo all that `remember_passwords` was told."""
    _remembered.clear()


def refused_letters(address: str) -> str:
    """Letters of a password that an address cannot hold as they are, each once; none in other texts.

    Examples
    --------
    >>> refused_letters("postgresql://crm:s3/c ret@db/crm"), refused_letters("postgresql://db:5432/crm?password=s3/cret")
    (' /', '')
    """
    if not _ADDRESS.match(address):
        return ""
    account, *keys = ("".join(one["secret"] for one in form.finditer(address)) for form in _WHOLE)
    return "".join(sorted({*re.findall(r"[\s/?#]", account), *re.findall(r"\s", "".join(keys))}))


def lines_without_passwords(text: str) -> str:
    """A configuration as YAML without passwords: the value of each line is an address of its own."""

    def masked(line: str) -> str:
        key, colon, value = line.partition(": ")
        return f"{key}{colon}{without_passwords(value)}" if _ADDRESS.match(value) else str(without_passwords(line))

    return "\n".join(map(masked, text.split("\n")))


def replaced(text: str, instead: Callable[[str], str]) -> str:
    """A text with something else in the place of every password within an address.

    Parameters
    ----------
    text : str
    instead : callable
        Gives what stands there instead of a password.
    """

    def put(found: re.Match[str]) -> str:
        secret = found["secret"]
        return found["before"] + (secret if ELSEWHERE.fullmatch(secret) else instead(secret))

    for form in _WHOLE if _ADDRESS.match(text) else _IN_TEXT:
        text = form.sub(put, text)
    return _LIBPQ.sub(put, text) if _LIBPQ_WORDS.search(text) else text


def without_passwords(value: Any, instead: str = STARS) -> Any:
    """The same value without the passwords within addresses, however deep.

    Parameters
    ----------
    value : Any
        Texts, and mappings and lists of them; anything else stays as it is.
    instead : str
        What stands in the place of a password.

    Examples
    --------
    >>> without_passwords({"ledger": {"uri": "postgresql://crm:s3c@ret@db/crm"}, "seed": 1})
    {'ledger': {'uri': 'postgresql://crm:***@db/crm'}, 'seed': 1}
    >>> without_passwords("postgresql://db/crm?user=crm&password=s3cret&sslmode=require")
    'postgresql://db/crm?user=crm&password=***&sslmode=require'
    >>> without_passwords("host=db password='s3c ret' dbname=crm")
    'host=db password=*** dbname=crm'
    """
    if isinstance(value, str):
        text = replaced(value, lambda _: instead)
        for secret in sorted(_remembered, key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", lambda _: instead, text)
        return text
    if isinstance(value, Mapping):
        return {key: without_passwords(one, instead) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_passwords(one, instead) for one in value]
    return value
