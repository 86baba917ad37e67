"""Passwords within addresses, which nothing that is kept or printed may repeat."""

import re
from collections.abc import Mapping
from typing import Any

PASSWORD = re.compile(r"(?P<user>\w://[^:/\s]*:)\S*@")
"""``scheme://user:password@``; a password may hold an @ itself."""


def without_passwords(value: Any) -> Any:
    """The same value with ``***`` in the place of every password within an address, however deep.

    Parameters
    ----------
    value : Any
        Texts, and mappings and lists of them; anything else stays as it is.

    Examples
    --------
    >>> without_passwords({"ledger": {"uri": "postgresql://crm:s3c@ret@db/crm"}, "seed": 1})
    {'ledger': {'uri': 'postgresql://crm:***@db/crm'}, 'seed': 1}
    """
    if isinstance(value, str):
        return PASSWORD.sub(r"\g<user>***@", value)
    if isinstance(value, Mapping):
        return {key: without_passwords(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_passwords(one) for one in value]
    return value
