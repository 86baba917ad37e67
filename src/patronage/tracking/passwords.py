"""Passwords within addresses, which nothing that is kept or printed may repeat."""

import re
from collections.abc import Callable, Mapping
from typing import Any

STARS = "***"
"""Stands for a password."""

ELSEWHERE = re.compile(r"\$\{oc\.env:[^{},]*\}")
"""No password, but the environment variable that holds it."""

_QUOTED = r"'(?:[^'\\]|\\.)*'"
_FORMS = (
    # scheme://user:password@, also as Hydra writes it, with a backslash before colons; it may hold an @ itself.
    re.compile(r"(?P<before>\w\\?://[^:/\s]*:)(?P<secret>\S*)(?=@)"),
    # A parameter of an address: ?user=me&password=password
    re.compile(r"(?P<before>[?&](?:ssl)?password\\?=)(?P<secret>[^&\s]+)", re.IGNORECASE),
    # A word of a connection string of libpq: user=me password='pass word'
    re.compile(rf"(?P<before>(?<![\w?&])(?:ssl)?password\s*\\?=\s*)(?P<secret>{_QUOTED}|[^\s'=]\S*)", re.IGNORECASE),
)


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

    for form in _FORMS:
        text = form.sub(put, text)
    return text


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
        return replaced(value, lambda _: instead)
    if isinstance(value, Mapping):
        return {key: without_passwords(one, instead) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_passwords(one, instead) for one in value]
    return value
