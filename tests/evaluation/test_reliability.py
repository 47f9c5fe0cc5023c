"""How far probabilities are from shares, against scikit-learn and by hand; what is fitted gives back what was done."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import image
from scipy.special import expit
from sklearn import calibration, metrics
from sklearn.isotonic import IsotonicRegression

from ceres_fast.artifact.scaling import check_scaling, logit, scaled
from ceres_fast.errors import CeresFastError
from ceres_fast.evaluation.figures import draw_reliability
from ceres_fast.evaluation.reliability import BINS, METHODS, fit, measure

FITTED = [name for name in METHODS if name != "none"]


def drawn(count: int, temperature: float, bias: float, share: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, and what a network says whose odds must be divided by `temperature` and shifted by `bias`."""
    random = np.random.default_rng(8)
    odds = random.normal(np.log(share / (1 - share)), 2.5, count)
    labels = (random.random(count) < expit(odds)).astype(np.int64)
    return labels, expit((odds - bias) * temperature).astype(np.float32).astype(np.float64)


def test_measures_are_scikit_learn_s() -> None:
    labels, probabilities = drawn(3000, 2.0, 0.5)
    found = measure(labels, probabilities)
    assert found.brier == metrics.brier_score_loss(labels, probabilities)
    assert found.loss == pytest.approx(metrics.log_loss(labels, probabilities), rel=1e-6)
    share, mean = calibration.calibration_curve(labels, probabilities, n_bins=BINS)
    np.testing.assert_allclose([each.share for each in found.bins], share)
    np.testing.assert_allclose([each.mean for each in found.bins], mean)
    counts, _ = np.histogram(probabilities, BINS, (0, 1))
    assert [each.count for each in found.bins] == counts[counts > 0].tolist()
    assert found.ece == pytest.approx(np.abs(share - mean) @ counts[counts > 0] / len(labels))


def test_measures_by_hand() -> None:
    found = measure(np.array([0, 1, 1, 1]), np.array([0.0, 0.5, 0.5, 1.0]))
    assert [(each.count, each.mean, each.share) for each in found.bins] == [(1, 0, 0), (2, 0.5, 1), (1, 1, 1)]
    assert found.bins[-1].high == 1
    assert found.ece == 0.25
    assert found.brier == 0.125
    for each in found.bins:  # Wilson's interval of 1 in 1 and of 2 in 2
        assert each.share_low <= each.share <= each.share_high
    z2 = 1.959963984540054**2
    assert found.bins[1].share_low == pytest.approx(2 / (2 + z2))


def test_one_class_and_json() -> None:
    found = measure(np.ones(3, int), np.array([0.0, 1.0, 1.0]))
    assert found.ece == pytest.approx(1 / 3)
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["bins"][0]["count"] == 1


@pytest.mark.parametrize("probabilities", [[], [0.5, np.nan], [0.5, 1.5], [-0.1, 0.2], [np.inf, 0.5]])
def test_what_cannot_be_measured(probabilities: list[float]) -> None:
    with pytest.raises(ValueError, match=r"no stamps|from 0 to 1"):
        measure(np.zeros(len(probabilities), int), np.array(probabilities))


def test_a_temperature_is_found_again() -> None:
    labels, probabilities = drawn(20_000, 3.0, 0.0)
    found = fit("temperature", labels, probabilities)
    assert found is not None
    assert found["temperature"] == pytest.approx(3.0, rel=0.05)
    assert measure(labels, scaled(found, probabilities)).ece < 0.01 < measure(labels, probabilities).ece


@pytest.mark.skipif(not hasattr(calibration, "_TemperatureScaling"), reason="scikit-learn has it from 1.8 on")
def test_the_temperature_is_scikit_learn_s() -> None:
    labels, probabilities = drawn(20_000, 3.0, 0.7)
    odds = logit(probabilities)
    oracle = calibration._TemperatureScaling().fit(odds[:, None], labels)
    found = fit("temperature", labels, probabilities)
    assert found is not None
    # Its two logits are (-odds, odds), twice as far apart.
    assert found["temperature"] == pytest.approx(1 / (2 * oracle.beta_), rel=0.01)


def test_the_logistic_is_platt_s() -> None:
    labels, probabilities = drawn(500, 3.0, 0.7)
    slope, bias = calibration._sigmoid_calibration(logit(probabilities), labels)
    found = fit("logistic", labels, probabilities)
    assert found is not None
    assert found["temperature"] == pytest.approx(-1 / slope, rel=1e-3)
    assert found["bias"] == pytest.approx(-bias, rel=1e-3)


def test_a_shift_of_the_classes_needs_a_bias() -> None:
    """Trained with both classes counting alike, a network of 5 % asteroids says too much; no temperature helps."""
    labels, probabilities = drawn(20_000, 1.0, np.log(0.05 / 0.95), share=0.05)
    before = measure(labels, probabilities)
    assert before.ece > 0.2
    pure, shifted = (
        measure(labels, scaled(fit(name, labels, probabilities), probabilities)) for name in ("temperature", "logistic")
    )
    assert pure.ece > 0.1
    assert shifted.ece < 0.01
    found = fit("logistic", labels, probabilities)
    assert found is not None
    assert found["bias"] == pytest.approx(np.log(0.05 / 0.95), rel=0.05)


def test_the_isotonic_curve_is_scikit_learn_s_but_never_sure() -> None:
    labels, probabilities = drawn(2000, 2.0, 1.0)
    found = fit("isotonic", labels, probabilities)
    least = 1 / 2002
    expected = IsotonicRegression(out_of_bounds="clip").fit(probabilities, labels).predict(probabilities)
    np.testing.assert_allclose(scaled(found, probabilities), np.clip(expected, least, 1 - least), atol=1e-9)
    assert least <= scaled(found, np.array([0.0]))[0]
    assert scaled(found, np.array([1.0]))[0] <= 1 - least


@pytest.mark.parametrize("method", FITTED)
def test_classes_that_are_told_apart_get_no_certainty(method: str) -> None:
    labels = np.repeat([0, 1], 50)
    made = scaled(fit(method, labels, np.where(labels, 0.6, 0.4)), np.array([0.4, 0.6]))
    assert 0 < made[0] < 0.05
    assert 0.95 < made[1] < 1


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1) | st.sampled_from([0.0, 1.0, 0.5, 1e-300])), min_size=2),
    st.sampled_from(FITTED),
)
def test_what_is_fitted_can_be_stored_or_is_refused(stamps: list[tuple[bool, float]], method: str) -> None:
    labels, probabilities = np.array([each for each, _ in stamps], int), np.array([each for _, each in stamps])
    try:
        found = fit(method, labels, probabilities)
    except CeresFastError:
        found = None
    check_scaling(json.loads(json.dumps(found, allow_nan=False)))
    assert np.isfinite(scaled(found, probabilities)).all()
    odds = logit(probabilities)
    told_apart = len(set(labels)) == 2 and odds[labels == 1].min() > odds[labels == 0].max() + 1
    assert found or not told_apart or method == "temperature"


def test_many_stamps_have_few_knots() -> None:
    found = fit("isotonic", *drawn(200_000, 1.5, 0.2))
    assert found is not None
    assert 20 < len(found["x"]) < 2000


@pytest.mark.parametrize("method", FITTED)
def test_one_class_cannot_be_fitted(method: str) -> None:
    with pytest.raises(CeresFastError, match=f"--scaling {method} cannot be fitted: all 3 stamps"):
        fit(method, np.ones(3, int), np.array([0.2, 0.3, 0.4]))
    assert fit("none", np.ones(3, int), np.array([0.2, 0.3, 0.4])) is None


@pytest.mark.parametrize("method", ["temperature", "logistic"])
def test_a_network_that_is_wrong_is_not_turned_round(method: str) -> None:
    labels, probabilities = drawn(300, 1.0, 0.0)
    with pytest.raises(CeresFastError, match=f"--scaling {method} cannot be fitted: the best .* the same share"):
        fit(method, labels, 1 - probabilities)


def test_where_a_temperature_alone_does_not_help_the_other_is_named() -> None:
    labels = np.repeat([0, 1], [90, 10])
    probabilities = np.where(labels, 0.95, 0.9)
    with pytest.raises(CeresFastError, match="Pass --scaling logistic, or"):
        fit("temperature", labels, probabilities)
    assert measure(labels, scaled(fit("logistic", labels, probabilities), probabilities)).ece < 0.05


def test_the_picture_shows_both(tmp_path: Path) -> None:
    labels, probabilities = drawn(300, 3.0, 0.0)
    found = {"before": measure(labels, probabilities), "after": measure(labels[:1], probabilities[:1])}
    draw_reliability(found, "xception", tmp_path / "reliability.png")
    assert image.imread(tmp_path / "reliability.png").shape[1] > 1000
