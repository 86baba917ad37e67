"""Where a model ends, in sentences that follow from the facts of its training."""

from dataclasses import dataclass, field

from patronage.report.readings import percent

FEW_OF_A_CLASS = 200
"""Customers of the rarer outcome below which a card says that the evidence is thin: the AUC is then known to about
0.04 either way."""

RARE = 0.05
"""Share of the rarer outcome below which a card speaks of the balance of the classes."""

SHIFT = 0.05
"""Difference of the share of leavers, learnt from against met, above which a card says that the rate has moved."""

SEASON_DAYS = 2 * 365
"""Days of facts below which no season was seen twice."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The facts that the limits of a model follow from; what is not known is None.

    Attributes
    ----------
    n_customers, n_left : int
        That the evaluation rests on, and those of them who left.
    learnt_rate : float, optional
        Share of leavers among the rows that the model learnt from.
    horizon_days : int, optional
    span_days : int, optional
        Days of facts that the model was fitted to.
    acquisition_days : int, optional
        Days between the first and the last newcomer among the customers it was fitted to.
    n_cutoffs : int, optional
        Cut-offs learnt from.
    judged_at : int
        Cut-offs, or repetitions of folds, that it was judged at.
    bins_outside, n_bins : int
        Bins of the calibration in which the prediction lies outside the interval of what came.
    leaks : tuple of str
        Columns that the detector of leaks named.
    not_beaten : tuple of str
        Sentences on rivals that the model was not shown to beat.
    """

    n_customers: int
    n_left: int
    learnt_rate: float | None = None
    horizon_days: int | None = None
    span_days: int | None = None
    acquisition_days: int | None = None
    n_cutoffs: int | None = None
    judged_at: int = 1
    bins_outside: int = 0
    n_bins: int = 0
    leaks: tuple[str, ...] = field(default=())
    not_beaten: tuple[str, ...] = field(default=())


def limits(evidence: Evidence) -> tuple[str, ...]:
    """Say where a model ends, from the facts of its training.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    tuple of str
        One sentence or two each, the gravest first.
    """
    found = [
        _leaks(evidence),
        *evidence.not_beaten,
        _small(evidence),
        _balance(evidence),
        _shift(evidence),
        _calibration(evidence),
        _one_cohort(evidence),
        _span(evidence),
        _once(evidence),
        "Drivers and reasons are associations in this data. They say what the model goes by, not what would happen if "
        "it were changed: that takes an experiment.",
    ]
    return tuple(sentence for sentence in found if sentence)


def _leaks(evidence: Evidence) -> str:
    if not evidence.leaks:
        return ""
    names = ", ".join(evidence.leaks)
    return (
        f"The detector of leaks named {names}. If such a column is written down because somebody left, or afterwards, "
        "every figure here is better than what the model will do: find out when it is recorded, or leave it out."
    )


def _small(evidence: Evidence) -> str:
    rarer = min(evidence.n_left, evidence.n_customers - evidence.n_left)
    if rarer >= FEW_OF_A_CLASS:
        return ""
    return (
        f"The figures rest on {evidence.n_customers:,} customers, of whom {evidence.n_left:,} left: only {rarer:,} of "
        "the rarer outcome. Differences smaller than the intervals are chance."
    )


def _balance(evidence: Evidence) -> str:
    if not evidence.n_customers:
        return ""
    share = evidence.n_left / evidence.n_customers
    if min(share, 1 - share) >= RARE:
        return ""
    return (
        f"The outcomes are far from balanced: {percent(share)} left. Read average precision and lift beside the AUC, "
        "and the log loss beside that of the base rate."
    )


def _shift(evidence: Evidence) -> str:
    if evidence.learnt_rate is None or not evidence.n_customers:
        return ""
    met = evidence.n_left / evidence.n_customers
    if abs(met - evidence.learnt_rate) <= SHIFT:
        return ""
    return (
        f"The share of leavers has moved: {percent(evidence.learnt_rate)} among the rows it learnt from, "
        f"{percent(met)} where it was judged. Probabilities may be off by as much when it moves again; the order of "
        "customers suffers less."
    )


def _calibration(evidence: Evidence) -> str:
    # Of ten honest 95 % intervals one or two are missed by chance.
    if evidence.bins_outside <= max(1, round(0.1 * evidence.n_bins)):
        return ""
    return (
        f"In {evidence.bins_outside} of {evidence.n_bins} bins the prediction lies outside the interval of what came: "
        "take the probabilities as an order rather than as shares, or calibrate anew on the latest facts."
    )


def _one_cohort(evidence: Evidence) -> str:
    acquired, span = evidence.acquisition_days, evidence.span_days
    if acquired is None or span is None or acquired > span / 2:
        return ""
    return (
        f"All customers were acquired within {acquired:,} days at the beginning of {span:,}: one ageing cohort. "
        "Newcomers of another time, and older customers than these, are extrapolation; panel.level=purchase_model lets "
        "the purchase model, which follows a cohort as it ages, set the level of the probabilities."
    )


def _span(evidence: Evidence) -> str:
    if evidence.span_days is None or evidence.span_days >= SEASON_DAYS:
        return ""
    ahead = f", and scores look {evidence.horizon_days:,} days ahead" if evidence.horizon_days else ""
    return (
        f"It knows {evidence.span_days:,} days of facts{ahead}: no season was seen twice, so none can be told from a "
        "trend."
    )


def _once(evidence: Evidence) -> str:
    learnt = f" and learnt from {evidence.n_cutoffs}" if evidence.n_cutoffs else ""
    if evidence.judged_at > 1:
        return ""
    return f"It was judged at one cut-off{learnt}: how it fares in other times is not shown."
