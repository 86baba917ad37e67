"""What reasons are about: contributions of features summed over topics, and the feature that each topic is told by.

Many features of a ledger say the same of a customer without a second order: gaps, their regularity, the span of the
orders and the spend of repeat orders all tell that there is none. Of that customer they say how often it ordered, so
their contributions are summed with those of the topic `FREQUENCY`, and it is told once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .histories import FloatArray
from .phrases import ORDER_DAYS
from .wording_kinds import NO_SECOND, NO_THIRD
from .wordings import IN_DAYS, TEXT_TOPICS, WORDINGS

FREQUENCY = "frequency"
"""Topic of how often a customer ordered."""

BoolArray = NDArray[np.bool_]


def topic_of(name: str) -> str:
    """What a feature is about: a topic that it shares with others, or its own name."""
    if name in TEXT_TOPICS:
        return TEXT_TOPICS[name][0]
    wording = WORDINGS.get(IN_DAYS.get(name, name))
    return wording.topic if wording is not None else name


class Topics:
    """The topics of a churn model's features.

    Parameters
    ----------
    features : sequence of str
    of_ledger : bool
        Whether they are those of a ledger; otherwise each is a topic of its own.
    time_unit_days : float
        Days in the unit of the columns T and recency.

    Attributes
    ----------
    members : dict of str to list of int
        What reasons may be about, each with the positions of its features.
    names : ndarray of object
        The topics that a customer may be told of: those of `members`, and `FREQUENCY` if features may pass to it.
    """

    def __init__(self, features: Sequence[str], of_ledger: bool, time_unit_days: float = 1.0) -> None:
        self._features = tuple(features)
        self._unit = time_unit_days
        self.members: dict[str, list[int]] = {}
        for position, name in enumerate(features):
            self.members.setdefault(topic_of(name) if of_ledger else name, []).append(position)
        self._passing = [place for place, name in enumerate(features) if of_ledger and _may_pass(name)]
        also = [FREQUENCY] if self._passing and FREQUENCY not in self.members else []
        self.names: NDArray[Any] = np.array([*self.members, *also], dtype=object)

    def sums(
        self, values: FloatArray, columns: Mapping[str, NDArray[Any]]
    ) -> tuple[FloatArray, NDArray[np.intp]]:  # fmt: skip
        """What each topic adds to the log odds, and the feature in it that pushes most in that direction.

        Parameters
        ----------
        values : ndarray of float64, shape (number of features, n)
            Their contributions.
        columns : mapping of str to ndarray, shape (n,)
            What the churn model read.

        Returns
        -------
        (ndarray of float64, ndarray of int), each of shape (number of names, n)
            The sums, and positions of features.
        """
        passed = {place: np.where(rows, values[place], 0.0) for place, rows in self._no_second(columns).items()}
        sums = np.empty((len(self.names), values.shape[1]))
        leads = np.empty(sums.shape, dtype=np.intp)
        for row, name in enumerate(self.names.tolist()):
            own = self.members.get(name, [])
            parts = [(place, values[place] - passed[place] if place in passed else values[place]) for place in own]
            if name == FREQUENCY:
                parts += passed.items()
            if len(parts) == 1:
                leads[row], sums[row] = parts[0]
                continue
            positions, pushes = np.array([place for place, _ in parts]), np.array([push for _, push in parts])
            sums[row] = pushes.sum(axis=0)
            leads[row] = positions[np.where(sums[row] >= 0, pushes, -pushes).argmax(axis=0)]
        return sums, leads

    def _no_second(self, columns: Mapping[str, NDArray[Any]]) -> dict[int, BoolArray]:
        """By position of a feature, the customers of whom its words tell that there was no second order."""
        told: dict[int, BoolArray] = {}
        thirds: dict[int, BoolArray] = {}
        for place in self._passing:
            name = self._features[place]
            spoken = IN_DAYS.get(name, name)
            if WORDINGS[spoken].missing == NO_THIRD:
                thirds[place] = np.isnan(columns[name])
            elif WORDINGS[spoken].missing == NO_SECOND:
                told[place] = np.isnan(columns[name])
            elif spoken == "purchase_span_days":
                told[place] = np.rint(columns[name] * (self._unit if name in IN_DAYS else 1.0)) == 0
            elif ORDER_DAYS in columns:
                told[place] = columns[ORDER_DAYS] == 1
        # Without a third order there may be a second one.
        none = np.logical_or.reduce(list(told.values())) if told else False
        return told | {place: lacking & none for place, lacking in thirds.items()}


def _may_pass(name: str) -> bool:
    spoken = IN_DAYS.get(name, name)
    if spoken in ("purchase_span_days", "purchase_age_share"):
        return True
    return spoken in WORDINGS and WORDINGS[spoken].missing in (NO_SECOND, NO_THIRD)
