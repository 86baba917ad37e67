"""Every prediction of every purchase model at extreme points, against arbitrary precision.

Usage: python benchmarks/stability.py [--oracle] [kind ...]

Each kind gets 100,000 random points: parameters log-uniform in 0.001 ... 1000 (some at the places where textbook
formulas divide by zero), up to 5,000 purchases in up to 10,000 time units, horizons up to 100,000. All predictions must
be finite and within their range on all points; on a sample they are compared with `oracles`, whose values are kept in
tests/oracles and computed anew with --oracle. Beside them stands how often the printed formulas in scipy, and the
package lifetimes, fail on the same sample: an error, no finite number, or less than eight digits. The last table is
kept in stability.csv beside this file.
"""

import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from oracles import COUNTS, ORACLES, exact
from patronage.runtime.histories import Histories
from patronage.runtime.purchase.kinds import KINDS

POINTS = 100_000
COMPARED = 2000
SEED = 20240501
TOLERANCE = 1e-8
SMALLEST = 1e-12
"""Below it values count as right if they are off by no more than it."""

HORIZONS = (1e-3, 0.1, 1.0, 7.0, 30.0, 91.0, 365.0, 3650.0, 1e5)
PERIODS = (1.0, 2.0, 5.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
MOST_PERIODS, MOST_SHARE = 10_000.0, 0.02
MOST_STAGES, MOST_RATIO = 1000, 30
NEAR_ONE = ("a", "s", "gamma")
WHOLE = {"k": 12}
ORACLE_FOLDER = Path(__file__).resolve().parents[1] / "tests" / "oracles"


def parameter_names(kind: str) -> list[str]:
    return [field.name for field in fields(KINDS[kind])]


def draw_points(kind: str, n: int, seed: int = SEED) -> pd.DataFrame:
    """Random points with six digits each: the parameters by name, and x, t_x, T, h."""
    rng = np.random.default_rng(seed)

    def log_uniform(low: float, high: float) -> np.ndarray:
        return np.exp(rng.uniform(np.log(low), np.log(high), n))

    def some(share: float) -> np.ndarray:
        return rng.random(n) < share

    points = pd.DataFrame(index=range(n))
    for name in parameter_names(kind):
        drawn = rng.integers(1, WHOLE[name] + 1, n) if name in WHOLE else six_digits(log_uniform(1e-3, 1e3))
        points[name] = drawn.astype(np.float64)
    for name in [name for name in NEAR_ONE if name in points]:
        offset = rng.choice([-1.0, 0.0, 1.0], n) * 10.0 ** -rng.integers(1, 13, n)
        points[name] = np.where(some(0.15), 1 + offset, points[name])
    if {"alpha", "beta"} <= set(points):
        points["beta"] = np.where(some(0.1), points["alpha"], points["beta"])
    discrete = KINDS[kind].discrete
    x = np.where(some(0.3), 0.0, np.floor(log_uniform(1, 1000 if discrete else 5001)))
    if discrete:
        T = np.maximum(np.floor(log_uniform(1, 1001)), x)
        t_x = np.where(x > 0, x + np.floor((T - x + 1) * rng.random(n)), 0.0)
        h = np.where(some(MOST_SHARE), MOST_PERIODS, rng.choice(PERIODS, n))
    else:
        T = six_digits(log_uniform(1e-2, 1e4))
        share = np.where(some(0.1), 1.0, np.where(some(0.1), log_uniform(1e-9, 1e-1), rng.random(n)))
        t_x = np.where(x > 0, np.minimum(six_digits(T * share), T), 0.0)
        h = rng.choice(HORIZONS, n)
    return points.assign(x=x, t_x=t_x, T=T, h=h)


def six_digits(values: np.ndarray) -> np.ndarray:
    unit = 10.0 ** (np.floor(np.log10(values)) - 5)
    return np.array([float(f"{value:.6g}") for value in np.round(values / unit) * unit])


def predictions(kind: str, points: pd.DataFrame) -> pd.DataFrame:
    """What the package predicts for each point; one column a quantity."""
    columns: dict[str, np.ndarray] = {}

    def put(name: str, rows: np.ndarray, values: np.ndarray) -> None:
        columns.setdefault(name, np.full(len(points), np.nan))[rows] = values

    whole = [name for name in parameter_names(kind) if name in WHOLE]
    for key, rows in points.groupby([*whole, "h"]).indices.items():
        some, horizon = points.iloc[rows], float(np.atleast_1d(key)[-1])
        values = {name: some[name].to_numpy() for name in parameter_names(kind)}
        params = KINDS[kind](**values | {name: int(some[name].iloc[0]) for name in whole})
        histories = Histories(*(some[name].to_numpy() for name in ("x", "t_x", "T")))
        horizons = np.full(len(some), horizon)
        put("log_odds_of_death", rows, params.log_odds_of_death(histories))
        put("probability_alive", rows, params.probability_alive(histories))
        put("probability_alive_later", rows, params.probability_alive(histories, horizon))
        put("probability_active", rows, params.probability_active(histories, horizon))
        put("expected_purchases", rows, params.expected_purchases(histories, horizon))
        put("expected_purchases_new", rows, params.expected_purchases_new(horizons))
        table = params.purchase_probabilities(histories, max(COUNTS), horizon)
        for count in COUNTS:
            put(f"probability_of_{count}", rows, table[:, count])
        put("probability_of_1_new", rows, params.purchase_probabilities_new(1, horizons)[:, 1])
    return pd.DataFrame(columns, index=points.index)


def out_of_range(predicted: pd.DataFrame) -> pd.Series:
    """How many values of each quantity are not finite, negative, or no probabilities."""
    wrong = {}
    for name, values in predicted.items():
        if name == "log_odds_of_death":
            wrong[name] = (values.isna() | (values == np.inf)).sum()
        else:
            most = 1.0 if str(name).startswith("probability") else np.finfo(np.float64).max
            wrong[name] = (~((values >= 0) & (values <= most))).sum()
    return pd.Series(wrong)


def errors(predicted: pd.DataFrame, true: pd.DataFrame) -> pd.DataFrame:
    """Relative errors, absolute ones of log odds below 1; 0 where tiny values are off by a tiny amount."""
    table = {}
    for name in predicted:
        got, exact_value = predicted[name].to_numpy(), true[name].to_numpy()
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.where(got == exact_value, 0.0, np.abs(got - exact_value))
            if name == "log_odds_of_death":
                error = gap / np.maximum(np.abs(exact_value), 1.0)
            else:
                tiny = (np.abs(exact_value) < SMALLEST) & (gap <= SMALLEST)
                error = np.where(tiny, 0.0, gap / np.maximum(np.abs(exact_value), SMALLEST))
            error = np.where(gap == 0, 0.0, error)
        table[name] = np.where(np.isnan(error), np.inf, error)
    return pd.DataFrame(table, index=predicted.index)


def sample(kind: str) -> pd.DataFrame:
    """The points that are compared; for sums over stages those with up to 1,000 of them on average."""
    points, n = draw_points(kind, POINTS), COMPARED
    if "k" in points:
        stages = (points["r"] + points["k"] * points["x"]) * points["h"] / (points["alpha"] + points["T"])
        few = (stages <= MOST_STAGES) & (points["r"] * points["h"] / points["alpha"] <= MOST_STAGES)
        points = points[few & (points["h"] <= MOST_RATIO * points["alpha"])]
    return points.iloc[:: len(points) // n].head(n).reset_index(drop=True)


def oracle_file(kind: str) -> Path:
    return ORACLE_FOLDER / f"{kind}.csv.gz"


def known(kind: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The points of the oracle file and the true values there."""
    table = pd.read_csv(oracle_file(kind))
    inputs = [*parameter_names(kind), "x", "t_x", "T", "h"]
    return table[inputs], table.drop(columns=inputs)


def compute_oracle(kind: str) -> None:
    """Write the true values of the sample, with 13 digits."""
    points, begin = sample(kind), time.perf_counter()
    rows = points.to_dict("records")
    with ProcessPoolExecutor(1) as pool:
        true = pd.DataFrame(pool.map(exact, [kind] * len(rows), rows, chunksize=50))
    text = true.map(lambda value: f"{value:.13g}")
    ORACLE_FOLDER.mkdir(exist_ok=True)
    pd.concat([points, text], axis=1).to_csv(
        oracle_file(kind), index=False, compression={"method": "gzip", "compresslevel": 9, "mtime": 0}
    )
    print(f"{kind}: {len(points):,} points in {time.perf_counter() - begin:.0f} s")


def compared(kind: str) -> pd.DataFrame:
    """The table of a kind: one row a quantity."""
    ranges = out_of_range(predictions(kind, draw_points(kind, POINTS)))
    points, true = known(kind)
    error = errors(predictions(kind, points)[true.columns], true)
    table = pd.DataFrame(
        {
            "model": KINDS[kind].title,
            "points": POINTS,
            "out_of_range": ranges,
            "compared": len(points),
            "worst_relative_error": error.max().map(lambda value: float(f"{value:.1e}")),
            "share_within_1e-8": (error <= TOLERANCE).mean().round(4),
        }
    ).loc[true.columns]
    for peer, predict in PEERS.get(kind, {}).items():
        fails = errors(predict(points)[[*PEER_QUANTITIES]], true[[*PEER_QUANTITIES]]) > TOLERANCE
        table[f"{peer}_fails"] = fails.mean().round(4)
    return table.rename_axis("quantity").reset_index().set_index("model").reset_index()


PEER_QUANTITIES = ("probability_alive", "expected_purchases")


def printed_beta_geometric(points: pd.DataFrame, chances_at_start: int) -> pd.DataFrame:
    """Equation (10) of Fader, Hardie and Lee (2005) as it is printed."""
    r, alpha, a, b, x, t_x, T, h = (points[name].to_numpy() for name in ("r", "alpha", "a", "b", "x", "t_x", "T", "h"))
    chances = x + chances_at_start
    with np.errstate(all="ignore"):
        odds = np.where(chances > 0, a / (b + chances - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x), 0.0)
        c = a + b + chances - 1
        function = special.hyp2f1(r + x, b + chances, c, h / (alpha + T + h))
        expected = c / (a - 1) * (1 - ((alpha + T) / (alpha + T + h)) ** (r + x) * function) / (1 + odds)
    return pd.DataFrame({"probability_alive": 1 / (1 + odds), "expected_purchases": expected})


def printed_pareto(points: pd.DataFrame) -> pd.DataFrame:
    """P(alive) and the expected purchases of Fader and Hardie (2005), note 009, as they are printed."""
    r, alpha, s, beta, x, t_x, T, h = (
        points[name].to_numpy() for name in ("r", "alpha", "s", "beta", "x", "t_x", "T", "h")
    )
    largest, total = np.maximum(alpha, beta), r + s + x
    second = np.where(alpha >= beta, s + 1, r + x)

    def term(t: np.ndarray) -> np.ndarray:
        z = np.abs(alpha - beta) / (largest + t)
        return special.hyp2f1(total, second, total + 1, z) / (largest + t) ** total

    with np.errstate(all="ignore"):
        alive = 1 / (1 + s / total * (alpha + T) ** (r + x) * (beta + T) ** s * (term(t_x) - term(T)))
        lived = (beta + T) / (s - 1) * (1 - ((beta + T) / (beta + T + h)) ** (s - 1))
        return pd.DataFrame({"probability_alive": alive, "expected_purchases": (r + x) / (alpha + T) * lived * alive})


def by_lifetimes(fitter_name: str, names: tuple[str, ...]):
    """Predictions of a fitter of lifetimes, point by point; NaN where it raises."""

    def predict(points: pd.DataFrame) -> pd.DataFrame:
        import lifetimes

        rows = []
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for point in points.to_dict("records"):
                fitter = getattr(lifetimes, fitter_name)()
                fitter.params_ = pd.Series([point[name] for name in names], index=names)
                history = [np.array([point[name]]) for name in ("x", "t_x", "T")]
                rows.append(
                    [
                        _value(fitter.conditional_probability_alive, *history),
                        _value(fitter.conditional_expected_number_of_purchases_up_to_time, point["h"], *history),
                    ]
                )
        return pd.DataFrame(rows, columns=[*PEER_QUANTITIES])

    return predict


def _value(function, *arguments) -> float:
    try:
        return float(np.squeeze(function(*arguments)))
    except (ArithmeticError, ValueError):
        return np.nan


BETA_GEOMETRIC = ("r", "alpha", "a", "b")
PEERS = {
    "bg_nbd": {
        "scipy": lambda points: printed_beta_geometric(points, 0),
        "lifetimes": by_lifetimes("BetaGeoFitter", BETA_GEOMETRIC),
    },
    "mbg_nbd": {
        "scipy": lambda points: printed_beta_geometric(points, 1),
        "lifetimes": by_lifetimes("ModifiedBetaGeoFitter", BETA_GEOMETRIC),
    },
    "pareto_nbd": {
        "scipy": printed_pareto,
        "lifetimes": by_lifetimes("ParetoNBDFitter", ("r", "alpha", "s", "beta")),
    },
}


def main() -> None:
    asked = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    kinds = asked or [kind for kind in KINDS if kind in ORACLES]
    if "--oracle" in sys.argv[1:]:
        for kind in kinds:
            compute_oracle(kind)
        return
    table = pd.concat([compared(kind) for kind in kinds], ignore_index=True)
    print(table.to_string(index=False))
    if not asked:
        table.to_csv(Path(__file__).with_suffix(".csv"), index=False)


if __name__ == "__main__":
    main()
