"""The paper's printed figures follow from its matrices, but for the misprints that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ceres_fast.evaluation import scores
from ceres_fast.model.backbones import IMAGENET
from ceres_fast.paper.published import ASTEROIDS, NON_ASTEROIDS, PRINTED_DIGITS, RESULTS, recomputed

RATIOS = ("accuracy", "precision", "recall", "f1")

MISPRINTS = [
    ("inceptionv3", 3, "asteroids", 233, 2331),
    ("xception", 2, "accuracy", 0.90, 0.91),
    ("xception", 3, "accuracy", 0.90, 0.91),
    ("inceptionresnetv2", 3, "f1", 0.86, 0.87),
    ("resnet152v2", 1, "fn", 105, 405),
]


def test_every_experiment_of_every_backbone_is_there() -> None:
    assert list(RESULTS) == [(backbone, experiment) for backbone in IMAGENET for experiment in (1, 2, 3)]


def misprints() -> list[tuple[str, int, str, float, float]]:
    """Return the printed figures that differ from the recomputed ones, in the paper's order, and the latter."""
    return [
        (backbone, experiment, figure, printed, round(value, PRINTED_DIGITS))
        for (backbone, experiment), row in RESULTS.items()
        for figure, value in recomputed(row).items()
        if (printed := getattr(row, figure)) is not None and printed != round(value, PRINTED_DIGITS)
    ]


def test_exactly_the_known_misprints_are_found() -> None:
    assert misprints() == MISPRINTS


def test_a_misprint_is_found_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    for figure in ("tn", "fn", "accuracy", "precision", "recall", "f1"):
        row = RESULTS["xception", 1]
        monkeypatch.setitem(RESULTS, ("xception", 1), replace(row, **{figure: getattr(row, figure) * 2}))
        assert [found for *where, found, _, _ in misprints() if where == ["xception", 1]] == [figure]
        monkeypatch.setitem(RESULTS, ("xception", 1), row)


@pytest.mark.parametrize("name", RESULTS, ids=lambda name: "-".join(map(str, name)))
def test_scoring_the_published_matrices_gives_what_is_printed(
    name: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = RESULTS[name]
    monkeypatch.setattr(scores, "RESAMPLES", 3)
    counts = [row.tn, row.fp, ASTEROIDS - row.tp, row.tp]
    labels, probabilities = np.repeat([0, 0, 1, 1], counts), np.repeat([0.1, 0.9, 0.1, 0.9], counts)
    found = scores.score(labels, probabilities)
    asteroid = found.classes["asteroid"]
    values = dict(zip(RATIOS, (found.accuracy, asteroid.precision, asteroid.recall, asteroid.f1), strict=True))
    assert values == pytest.approx({ratio: recomputed(row)[ratio] for ratio in RATIOS})
    wrong = {ratio for ratio in RATIOS if getattr(row, ratio) not in (None, round(values[ratio], PRINTED_DIGITS))}
    assert wrong == {figure for *where, figure, _, _ in MISPRINTS if tuple(where) == name and figure in RATIOS}
    assert (asteroid.count, found.classes["non_asteroid"].count) == (ASTEROIDS, NON_ASTEROIDS)


def test_the_paper_rounds_and_does_not_cut_off() -> None:
    printed = [(getattr(row, ratio), recomputed(row)[ratio]) for row in RESULTS.values() for ratio in RATIOS]
    printed = [(figure, value) for figure, value in printed if figure is not None]
    rounded = sum(figure == round(value, PRINTED_DIGITS) for figure, value in printed)
    cut = sum(figure == math.floor(value * 10**PRINTED_DIGITS) / 10**PRINTED_DIGITS for figure, value in printed)
    assert (len(printed), rounded, cut) == (47, 44, 24)
