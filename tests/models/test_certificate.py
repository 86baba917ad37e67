"""The certificate: passes on good fits, and says which check failed and what to do on bad ones."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from lifetimes.datasets import load_cdnow_summary_data_with_monetary_value

from patronage.errors import ModelError
from patronage.ledger.simulated import simulate_purchases
from patronage.models import BetaGeoNBD, GammaGamma, GammaGompertzNBD, ModifiedBetaGeoNBD, ParetoNBD
from patronage.models.purchase.nbd import nbd_log_likelihood
from patronage.runtime.purchase.bg_nbd import BetaGeoParams

CUSTOMERS = load_cdnow_summary_data_with_monetary_value()


def failed(certificate):
    return {check.name for check in certificate.failed}


@pytest.mark.parametrize("kind", [BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD])
def test_a_good_fit_passes(kind):
    certificate = kind().fit(CUSTOMERS).certificate_
    assert certificate.passed, certificate.words()
    assert "all" in certificate.words()
    assert {"gradient", "curvature", "identifiability", "starts", "boundary", "beyond NBD", "totals"} == {
        check.name for check in certificate.checks
    }


@pytest.mark.parametrize("kind", [BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD])
def test_a_good_fit_of_many_customers_passes(kind):
    """The starts for many distinct histories climb on merged ones, where they have to agree."""
    rng = np.random.default_rng(3)
    world = simulate_purchases(BetaGeoParams(0.25, 4.5, 0.8, 2.5), 26_000, 728, 0, "week", rng, whole_days=False)
    certificate = kind().fit(world).certificate_
    assert certificate.passed, certificate.words()
    (starts,) = [check for check in certificate.checks if check.name == "starts"]
    assert re.match(r"3 of 3 starts led to the same maximum of (\d{3}|1,\d{3}) histories", starts.words)


def test_totals_are_those_of_the_literature():
    """Expected repeat purchases of the CDNOW sample in 39 weeks: BG/NBD 2494.0, Pareto/NBD 2524.9, actual 2457."""
    for kind, total in ((BetaGeoNBD, 2494.0), (ModifiedBetaGeoNBD, 2475.6), (ParetoNBD, 2524.9)):
        (check,) = [one for one in kind().fit(CUSTOMERS).certificate_.checks if one.name == "totals"]
        assert check.value == pytest.approx(total / 2457 - 1, abs=1e-4)


def test_nbd_of_the_sample():
    """NBD on the CDNOW sample: LL -9763.6576 with exact days; the shipped summary is rounded to 2 decimals."""
    model = BetaGeoNBD().fit(CUSTOMERS)
    assert nbd_log_likelihood(*model.fitted_data_) == pytest.approx(-9763.66, abs=0.02)


def test_a_world_where_nobody_leaves_is_named():
    world = simulate_purchases(BetaGeoParams(1.0, 5.0, 1e-3, 100.0), 3000, 364, 0, "week", np.random.default_rng(0))
    certificate = ParetoNBD().fit(world).certificate_
    assert {"identifiability", "boundary"} <= failed(certificate)
    assert "s and beta" in certificate.words()
    assert "simpler model" in certificate.words()
    assert "penalizer" not in certificate.words()


def test_a_flat_ridge_towards_pareto_nbd_is_named():
    """On CDNOW gamma-Gompertz/NBD has no maximum of its own (Bemmaor, Glady 2012, report one near b = .0002)."""
    certificate = GammaGompertzNBD().fit(CUSTOMERS).certificate_
    assert {"beyond Pareto/NBD", "identifiability", "boundary"} <= failed(certificate)
    assert "ridge where the model goes over into Pareto/NBD" in certificate.words()
    assert "b and beta" in certificate.words()


def test_another_engine_has_no_starts_to_compare():
    certificate = BetaGeoNBD(engine="lifetimes").fit(CUSTOMERS).certificate_
    assert "starts" in failed(certificate)
    assert "engine=native" in certificate.words()


def test_a_season_breaks_the_totals():
    """Half of the customers buy only in a short season at the end: no steady rate gives both halves' totals."""
    rng = np.random.default_rng(1)
    n = 2000
    young = pd.DataFrame({"frequency": rng.poisson(6, n).astype(float), "T": 2.0})
    old = pd.DataFrame({"frequency": 0.0, "T": 100.0}, index=range(n))
    frame = pd.concat([young, old], ignore_index=True)
    frame["recency"] = np.where(frame["frequency"] > 0, frame["T"] * 0.9, 0.0)
    certificate = BetaGeoNBD().fit(frame).certificate_
    assert not certificate.passed


def test_spend_reports_its_assumption():
    """Correlation of spend and frequency in the CDNOW sample: .1139."""
    certificate = GammaGamma().fit(CUSTOMERS).certificate_
    assert certificate.passed, certificate.words()
    (check,) = [one for one in certificate.checks if one.name.startswith("independence")]
    assert check.value == pytest.approx(0.1139, abs=5e-5)
    assert "95 %" in check.words


def test_spend_that_depends_on_frequency_fails():
    rng = np.random.default_rng(2)
    x = rng.integers(1, 20, 2000).astype(float)
    m = x * rng.gamma(5.0, 1.0, 2000)
    certificate = GammaGamma().fit(pd.DataFrame({"frequency": x, "monetary_value": m})).certificate_
    assert "independence of spend and frequency" in failed(certificate)


def test_it_can_be_stored():
    stored = json.dumps(BetaGeoNBD().fit(CUSTOMERS).certificate_.as_dict(), allow_nan=False)
    assert json.loads(stored)["passed"] is True


def test_no_data_no_certificate():
    with pytest.raises(ModelError, match="no data behind it"):
        _ = BetaGeoNBD.from_params(BetaGeoParams(0.2, 4.0, 0.8, 2.4)).certificate_
