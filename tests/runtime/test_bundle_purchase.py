"""Effects of covariates in a bundle: they come back exactly, and what does not fit together is refused."""

import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from feature_rows import GOLDEN
from patronage.errors import BundleError, InputError
from patronage.runtime.bundle import read_bundle, write_bundle
from patronage.runtime.bundle_purchase import purchase_params
from patronage.runtime.covariates import CategoricalCovariate, Coefficient, Design, Effects, NumericCovariate
from patronage.runtime.purchase.with_covariates import CovariateParams
from patronage.runtime.scorer import Scorer
from patronage.schema import Column, TableSchema

DESIGN = Design((CategoricalCovariate("channel", ("shop", "unknown", "web")), NumericCovariate("age", 40.0, 10.0)))
EFFECTS = Effects(
    DESIGN,
    (
        Coefficient("purchase.channel[web]", "channel[web]", (("alpha", -1.0),), 0.7),
        Coefficient("purchase.channel[unknown]", "channel[unknown]", (("alpha", -1.0),), -0.2),
        Coefficient("purchase.age", "age", (("alpha", -1.0),), 0.01),
    ),
)
FURTHER = (Column("channel", "string", "", True, "How won."), Column("age", "double", "years", True, "Age."))


@pytest.fixture
def bundle():
    plain = read_bundle(GOLDEN)
    inputs = TableSchema(plain.inputs.name, plain.inputs.columns + FURTHER)
    return replace(plain, purchase=CovariateParams(plain.purchase, EFFECTS), inputs=inputs)


def columns_of(bundle, **further):
    n = len(next(iter(further.values())))
    table = {column.name: np.full(n, 3.0) for column in bundle.inputs.columns}
    return table | {"T": np.full(n, 40.0), "recency": np.full(n, 30.0)} | further


def test_it_comes_back_and_scores_the_same(bundle, tmp_path):
    back = read_bundle(write_bundle(bundle, tmp_path / "bundle"))
    assert back.purchase == bundle.purchase
    rows = columns_of(bundle, channel=["web", "shop", None], age=[40.0, 50.0, 40.0])
    scores, alike = Scorer(back).score(rows), read_bundle(GOLDEN)
    # By hand: the purchase rate of each is that of the model, times the exponential of the effects.
    for row, factor in enumerate((np.exp(-0.7), np.exp(-0.1), np.exp(0.2))):
        plain = replace(alike, purchase=replace(alike.purchase, alpha=alike.purchase.alpha * factor))
        one = {name: np.asarray(values)[[row]] for name, values in rows.items()}
        for name, expected in Scorer(plain).score(one).items():
            assert scores[name][row] == pytest.approx(expected[0], rel=1e-13)


def test_rows_that_the_model_has_nothing_to_say_of_are_refused(bundle):
    rows = columns_of(bundle, channel=["web", "fax", "shop"], age=[40.0, 50.0, np.nan])
    with pytest.raises(InputError, match=r"channel of an unknown level \('fax'\) \(1 row.*age missing or not finite"):
        Scorer(bundle).score(rows)


def test_covariates_must_be_among_the_inputs(bundle, tmp_path):
    lacking = replace(bundle, inputs=read_bundle(GOLDEN).inputs)
    with pytest.raises(BundleError, match="its inputs lack age, channel"):
        read_bundle(write_bundle(lacking, tmp_path / "bundle"))
    texts = TableSchema("", (*bundle.inputs.columns[:-1], replace(FURTHER[1], type="string")))
    with pytest.raises(BundleError, match="age are numbers, and text among the inputs"):
        read_bundle(write_bundle(replace(bundle, inputs=texts), tmp_path / "other"))


def altered(path, value):
    stored = json.loads(json.dumps(CovariateParams(read_bundle(GOLDEN).purchase, EFFECTS).as_json()))
    assert purchase_params(deepcopy(stored)).effects == EFFECTS
    *way, last = path
    place = stored["covariates"]
    for key in way:
        place = place[key]
    place[last] = value
    return stored


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("design",), []),
        (("design", 1, "scale"), 0.0),
        (("design", 1, "mean"), float("nan")),
        (("design", 0, "levels"), []),
        (("design", 0, "levels"), ["shop", "shop", "web"]),
        (("design", 1, "name"), "channel"),
        (("coefficients", 0, "value"), float("inf")),
        (("coefficients", 0, "column"), "height"),
        (("coefficients", 0, "moves"), {"epsilon": 1.0}),
        (("coefficients", 0, "moves"), {}),
        (("coefficients", 0, "moves"), {"alpha": float("nan")}),
    ],
)
def test_what_does_not_fit_is_refused(path, value):
    with pytest.raises(ValueError, match=r"covariate|coefficient|scale|mean|does to|kind"):
        purchase_params(altered(path, value))
