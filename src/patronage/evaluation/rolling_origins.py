"""Splits in time of a panel of cut-offs, with a gap as long as the horizon.

What is known at a cut-off c is the outcome of cut-offs whose horizon had ended by then. A model that is tested at c may
learn from those only; a validation cut-off, for early stopping or calibration, keeps the same distance from what came
before it::

    train ........... train | horizon | validation | horizon | test | horizon
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import ConfigError, DateError
from patronage.runtime.histories import IndexArray


@dataclass(frozen=True)
class RollingOrigin:
    """Cut-offs to learn from, to validate on, and to be tested at.

    Attributes
    ----------
    train : tuple of date
        Rising.
    validations : tuple of date
        Rising: the first for early stopping and the second for calibration, say.
    test : date
    """

    train: tuple[date, ...]
    validations: tuple[date, ...]
    test: date

    def rows(self, cut_offs: ArrayLike) -> tuple[IndexArray, tuple[IndexArray, ...], IndexArray]:
        """Row numbers of a panel: for training, for each validation, and for the test.

        Parameters
        ----------
        cut_offs : array-like of date, shape (n,)
            The cut-off of each row.
        """
        days = pd.DatetimeIndex(pd.to_datetime(np.asarray(cut_offs))).normalize()

        def of(*wanted: date) -> IndexArray:
            return np.flatnonzero(days.isin(pd.to_datetime(list(wanted))))

        return of(*self.train), tuple(of(one) for one in self.validations), of(self.test)


def rolling_origins(
    cut_offs: Sequence[date],
    horizon_days: int,
    *,
    validations: int = 0,
    minimum_train: int = 1,
    validation_gap_days: int | None = None,
) -> tuple[RollingOrigin, ...]:
    """Every cut-off that can be a test, with what was known by then.

    Parameters
    ----------
    cut_offs : sequence of date
        Of the panel, each once, in any order.
    horizon_days : int
        The outcome of a cut-off is known so many days later.
    validations : int
        Cut-offs to hold back before each test, 0 and above.
    minimum_train : int
        Cut-offs to learn from without which a test is left out, 1 and above.
    validation_gap_days : int, optional
        Distance of a validation from what is learnt from, at least 1. The horizon where left out; where cut-offs are
        too few for that, shorter gaps let early stopping see outcomes that overlap with those learnt from, but never
        those of the test.

    Returns
    -------
    tuple of RollingOrigin
        In order of time.

    Raises
    ------
    ConfigError
        If a number is out of range or a cut-off occurs twice.
    DateError
        If no cut-off is late enough to be a test.

    Examples
    --------
    >>> quarters = [date(2023, 1, 1), date(2023, 4, 1), date(2023, 7, 1), date(2023, 10, 1)]
    >>> [(len(one.train), one.test.isoformat()) for one in rolling_origins(quarters, 90, minimum_train=2)]
    [(2, '2023-07-01'), (3, '2023-10-01')]
    """
    gap = horizon_days if validation_gap_days is None else validation_gap_days
    if horizon_days < 1 or gap < 1 or validations < 0 or minimum_train < 1:
        message = (
            "Expected a horizon, a gap and a minimum of training cut-offs of 1 and above, and validations of 0 and "
            f"above; got {horizon_days}, {gap}, {minimum_train} and {validations}."
        )
        raise ConfigError(message)
    days = sorted(cut_offs)
    if len(set(days)) < len(days):
        message = f"Each cut-off must occur once; got {', '.join(map(str, days))}."
        raise ConfigError(message)
    origins = []
    for test in days:
        known = [day for day in days if day <= test - timedelta(days=horizon_days)]
        held_back: list[date] = []
        while known and len(held_back) < validations:
            held_back.insert(0, known[-1])
            known = [day for day in known if day <= held_back[0] - timedelta(days=gap)]
        if len(known) >= minimum_train and len(held_back) == validations:
            origins.append(RollingOrigin(tuple(known), tuple(held_back), test))
    if not origins:
        message = (
            f"None of {len(days)} cut-offs ({', '.join(map(str, days)) or 'none'}) can be a test: it needs "
            f"{minimum_train} to learn from and {validations} to validate on, {horizon_days} days and more before it. "
            "Take more cut-offs, further apart or further back, or a shorter horizon."
        )
        raise DateError(message)
    return tuple(origins)
