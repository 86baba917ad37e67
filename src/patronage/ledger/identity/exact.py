"""Linking by keys: two ids that agree in every column of a key are one person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ibis import _

from patronage.errors import ConfigError, InputError
from patronage.ledger.identity.linker import (
    FOUND,
    MAX_COMPONENT,
    FoundPairs,
    check_guards,
    refuse_without_columns,
    usable,
)
from patronage.ledger.identity.normalise import Spelling, check_kinds, computed_once, kind_of, normalised

MAX_GROUP = 10
"""Ids that may share one value of a key. What more share is a default of some system, a shop's own number, a family."""

MAX_PAIRS = 20_000_000
"""Pairs that are brought out of the engine to be joined to persons: about 3 GB of memory."""

MAX_KEYS = 60
"""Keys that fit the bits of a whole number, which tells in which of them a pair agrees."""


@dataclass(frozen=True)
class ExactLinker:
    """Links ids by equal keys.

    Attributes
    ----------
    keys : sequence of sequences of str
        Each a set of columns of the customers. Ids with the same values in all columns of a set are linked; a missing
        value equals nothing. The most trusted key comes first: where the guards take a group of ids apart, the links of
        later keys go first. A key whose columns the customers lack is left out, and reported.
    kinds : mapping of str to str
        How a column is normalised, see `normalise.KINDS`; columns not named are what `normalise.KIND_OF_COLUMN` says of
        their names, else text.
    max_group : int
        A value that more ids share links none of them, and is reported.
    max_component : int
        Largest number of ids of one person, see `components.people`.
    max_pairs : int
        Largest number of pairs that is worked on.
    reviewed : str or None
        File with a reviewer's decisions, see `review.read_decisions`.
    ignore_email_tags, ignore_email_dots, phone_country, junk
        See `normalise.Spelling`.

    Raises
    ------
    ConfigError
        If there is no key, a key without columns, or a setting out of range.
    """

    keys: Sequence[Sequence[str]]
    kinds: Mapping[str, str] = field(default_factory=dict)
    max_group: int = MAX_GROUP
    max_component: int = MAX_COMPONENT
    max_pairs: int = MAX_PAIRS
    reviewed: str | None = None
    ignore_email_tags: bool = True
    ignore_email_dots: bool = False
    phone_country: str | None = None
    junk: Sequence[str] | None = None
    name: str = field(default="exact", init=False)
    threshold: float = field(default=1.0, init=False)

    def __post_init__(self) -> None:
        if not self.keys or not all(self.keys) or any(isinstance(key, str) for key in self.keys):
            message = (
                f"identity.keys is a list of lists of columns, such as [[email], [name, postcode]]; got {self.keys}."
            )
            raise ConfigError(message)
        if len(self.keys) > MAX_KEYS:
            message = f"identity.keys holds {len(self.keys)} keys; at most {MAX_KEYS} are compared."
            raise ConfigError(message)
        if self.max_group < 2:
            message = f"max_group is at least 2, since a link joins two ids; got {self.max_group!r}."
            raise ConfigError(message)
        _ = self.spelling
        check_guards(self.threshold, self.max_component)
        check_kinds(self.kinds)

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the keys: their columns, joined by ``+``."""
        return tuple(key_name(key) for key in self.keys)

    @property
    def spelling(self) -> Spelling:
        """What is ignored when values are compared."""
        return Spelling(self.ignore_email_tags, self.ignore_email_dots, self.phone_country, self.junk)

    def find(self, customers: Any) -> FoundPairs:
        """Find all pairs of ids that agree in a key; see `linker.Linker.find`.

        Raises
        ------
        InputError
            If there are more than `max_pairs`.
        """
        keys, notes = usable([tuple(key) for key in self.keys], customers, "the key")
        if not keys:
            refuse_without_columns(customers, "keys", notes)
        columns = dict.fromkeys(column for key in keys for column in key)
        kinds = {column: kind_of(column, self.kinds) for column in columns}
        normal = computed_once(normalised(customers, kinds, self.spelling))
        found = []
        for position, key in enumerate(keys):
            sizes = _group_sizes(normal, key)
            notes += self._note_shared(sizes, key)
            found.append(_pairs(normal, sizes.filter(_.ids <= self.max_group), key, position))
        agreed = ibis.union(*found) if len(found) > 1 else found[0]
        pairs = agreed.group_by("customer_id_a", "customer_id_b").aggregate(keys=_.key.sum()).cache()
        self._check_number(pairs)
        return FoundPairs(_with_evidence(pairs.to_pyarrow(), [key_name(key) for key in keys]), tuple(notes))

    def _note_shared(self, sizes: Any, key: tuple[str, ...]) -> list[str]:
        shared = sizes.filter(_.ids > self.max_group)
        totals = shared.aggregate(values=_.count(), ids=_.ids.sum(), largest=_.ids.max()).to_pyarrow().to_pylist()[0]
        if not totals["values"]:
            return []
        return [
            f"{totals['values']:,} values of the key {key_name(key)} are shared by more than {self.max_group} ids each "
            f"({totals['ids']:,} ids in all, {totals['largest']:,} at most) and link none of them"
        ]

    def _check_number(self, pairs: Any) -> None:
        number = int(pairs.count().execute())
        if number > self.max_pairs:
            message = (
                f"The keys find {number:,} pairs of ids, more than the {self.max_pairs:,} of identity.max_pairs. Use "
                f"keys that say more, lower identity.max_group (now {self.max_group}), or raise identity.max_pairs."
            )
            raise InputError(message, counts={"pairs": number})


def key_name(columns: Sequence[str]) -> str:
    """The columns of a key in one word, for the link table and for people."""
    return "+".join(columns)


def _group_sizes(normal: Any, key: tuple[str, ...]) -> Any:
    complete = normal.filter(*(normal[column].notnull() for column in key))
    return complete.group_by(*key).aggregate(ids=_.count()).filter(_.ids > 1)


def _pairs(normal: Any, groups: Any, key: tuple[str, ...], position: int) -> Any:
    members = normal.semi_join(groups, list(key)).select("customer_id", *key)
    others = members.view()
    together = [members[column] == others[column] for column in key]
    pairs = members.join(others, [*together, members.customer_id < others.customer_id])
    return pairs.select(
        customer_id_a=members.customer_id, customer_id_b=others.customer_id, key=ibis.literal(2**position, "int64")
    )


def _with_evidence(found: pa.Table, names: list[str]) -> pa.Table:
    """The keys that a pair agrees in, from the bits of a number to words, once for every distinct number."""
    encoded = pc.dictionary_encode(found["keys"].combine_chunks().cast(pa.int64()))
    agreed = [[name for bit, name in enumerate(names) if keys >> bit & 1] for keys in encoded.dictionary.to_pylist()]
    position = encoded.indices
    rules = pa.array([keys[0] for keys in agreed], pa.string()).take(position)
    evidence = pa.array(["same " + ", same ".join(keys) for keys in agreed], pa.string()).take(position)
    certain = pa.array(np.ones(found.num_rows))
    left, right = (found[name].cast(pa.string()) for name in FOUND[:2])
    return pa.table([left, right, certain, rules, evidence], names=list(FOUND))
