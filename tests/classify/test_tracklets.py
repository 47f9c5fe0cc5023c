"""Detections that fit one motion are judged together; the rest by themselves, or not at all."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.classify import classify, classify_table
from ceres_fast.classify.limits import WHY, Limits, kept_rows, reasons
from ceres_fast.classify.scores import (
    BLENDED,
    ELSEWHERE,
    FEW_PIXELS,
    FLAGS,
    NEAR_EDGE,
    NO_TEMPLATE,
    NOT_SCORED,
    PROBABILITY,
    PROBABILITY_OF_TRACKLET,
    PROVISIONAL,
    REJECTED,
    STATIONARY,
    TRACKLET,
    Scores,
)
from ceres_fast.cli import app
from ceres_fast.errors import CeresFastError, InputError

from ..tiny_models import classifier, peak_model, written
from .conftest import RULES, table_of
from .star_fields import HIDDEN, MOVING, write_field

POINT = {"threshold": 0.3, "max_loss": 0.02, "confidence": 0.95, "needs": 3}


def linking(folder: Path, threshold: float | None, intercept: float = 0.0) -> Path:
    """Return a classifier whose tracklets are as probable as their detections are in the mean, and `intercept` more."""
    point = None if threshold is None else {**POINT, "threshold": threshold}
    tracklets = {"weights": {"mean_logit": 1.0}, "intercept": intercept, "operating_point": point}
    made = classifier(rules=RULES, threshold=0.3, operating_point=POINT, tracklets=tracklets)
    folder.mkdir(exist_ok=True)
    return written(folder, peak_model(classifier_json=made.to_json()))


def test_what_moves_is_one_tracklet_and_nothing_else_is(night: Path, model: Path, out: Path) -> None:
    write_field(night)
    result = classify([night], model, output=out)
    for number, path in enumerate(result.written):
        table = table_of(path)
        assert [int(row) for row in np.flatnonzero(table[TRACKLET])] == [MOVING]
        assert table[TRACKLET][MOVING] == 1
        assert np.isnan(table[PROBABILITY_OF_TRACKLET]).all()  # the classifier knows nothing of tracklets
        assert len(table) == MOVING + 1 + (number == 0)  # the faint star, seen once
    assert sum(result.tracklets.values()) == 1


def test_a_tracklet_has_one_probability_in_all_exposures(night: Path, out: Path, tmp_path: Path) -> None:
    frames = write_field(night)
    model = linking(tmp_path / "model", 0.5)
    tables = [table_of(path) for path in classify([night], model, output=out).written]
    alone = np.array([table[PROBABILITY][MOVING] for table in tables])
    odds = np.clip(np.log(alone / (1 - alone)), -10, 10).mean()
    (found,) = {float(table[PROBABILITY_OF_TRACKLET][MOVING]) for table in tables}
    assert found == pytest.approx(1 / (1 + np.exp(-odds)), abs=2e-6)
    in_memory = classify_table(frames, [frame.with_suffix(".cat") for frame in frames], model)
    for mine, table in zip(in_memory, tables, strict=True):
        np.testing.assert_array_equal(mine[PROBABILITY_OF_TRACKLET], table[PROBABILITY_OF_TRACKLET])


def test_a_model_that_weighs_forced_fluxes_has_them_measured(night: Path, out: Path, tmp_path: Path) -> None:
    write_field(night)
    tracklets = {"weights": {"forced": -8.0}, "intercept": 4.0, "operating_point": None}
    made = classifier(rules=RULES, tracklets=tracklets)
    (tmp_path / "model").mkdir()
    model = written(tmp_path / "model", peak_model(classifier_json=made.to_json()))
    table = table_of(classify([night], model, output=out).written[0])
    assert abs(table["FORCED_MAX"][MOVING]) < 0.1
    assert table[PROBABILITY_OF_TRACKLET][MOVING] > 0.95


def test_two_fields_count_their_tracklets_by_themselves(night: Path, model: Path, out: Path) -> None:
    write_field(night / "one")
    write_field(night / "two", field="F0002")
    numbers = [int(table_of(path)[TRACKLET].max()) for path in classify([night], model, output=out).written]
    assert numbers == [1] * 6


@pytest.mark.parametrize(
    ("intercept", "options", "kept"),
    [
        (0.0, {}, [MOVING, HIDDEN]),  # the star, which was seen once, is judged by itself
        (0.0, {"linked_only": True}, [MOVING]),
        (-40.0, {}, [HIDDEN]),  # the tracklet decides, however probable its detections are
        (-40.0, {"linked_only": True}, []),
    ],
)
def test_what_is_dropped(
    night: Path, out: Path, tmp_path: Path, intercept: float, options: dict[str, Any], kept: list[int]
) -> None:
    write_field(night)
    result = classify([night], linking(tmp_path / "model", 0.5, intercept), output=out, drop=True, **options)
    table = table_of(result.written[0])
    assert [int(number) - 1 for number in table["NUMBER"]] == kept
    why = {
        name.format(limits=result.limits): count
        for name, count in sum(result.fields.values(), Counter()).items()
        if count
    }
    in_tracklet = "kept: in a tracklet" if intercept == 0 else "dropped: P of its tracklet < 0.5"
    assert why[in_tracklet] == 3
    assert why["dropped: in no tracklet" if options else "kept: P ≥ 0.3"] == 1
    assert sum(why.values()) == result.total["rows"]


def test_a_limit_of_ones_own_asks_no_tracklet(night: Path, out: Path, tmp_path: Path) -> None:
    write_field(night)
    result = classify([night], linking(tmp_path / "model", 0.5, -40.0), output=out, keep_above=0.3)
    assert {len(table_of(path)) for path in result.written} == {1, 2}


@pytest.mark.parametrize("options", [{}, {"keep_above": 0.5}])
def test_linked_only_without_drop_is_refused(night: Path, model: Path, out: Path, options: dict[str, float]) -> None:
    write_field(night)
    with pytest.raises(CeresFastError, match="give it with --drop"):
        classify([night], model, output=out, linked_only=True, **options)


def test_linked_only_without_a_threshold_is_refused(night: Path, out: Path, tmp_path: Path) -> None:
    write_field(night)
    model = linking(tmp_path / "model", None)
    with pytest.raises(InputError, match="has no threshold for tracklets"):
        classify([night], model, output=out, drop=True, linked_only=True)
    assert {len(table_of(path)) for path in classify([night], model, output=out, drop=True).written} == {1, 2}


def test_the_command_line(night: Path, out: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    write_field(night)
    model = linking(tmp_path / "model", 0.5)
    result = CliRunner().invoke(
        app, ["classify", str(night), "--model", str(model), "--output", str(out), "--drop", "--linked-only"]
    )
    assert result.exit_code == 0
    assert "of a row in a tracklet the tracklet decides, from 0.5" in " ".join(result.output.split())


def scores(flags: int = 0, probability: float = 0.0, tracklet: int = 0, of_tracklet: float = np.nan) -> Scores:
    return Scores(
        np.array([probability]),
        np.array([flags], np.int32),
        linked={TRACKLET: np.array([tracklet]), PROBABILITY_OF_TRACKLET: np.array([of_tracklet])},
    )


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        (scores(probability=0.5), (True, False)),
        (scores(probability=0.4), (False, False)),
        (scores(NEAR_EDGE, 0.0), (True, False)),
        (scores(NEAR_EDGE | STATIONARY, 0.0), (False, False)),
        (scores(ELSEWHERE | NEAR_EDGE, 0.0), (False, False)),
        (scores(probability=np.nan), (True, True)),
        (scores(PROVISIONAL, 0.0), (True, True)),
        (scores(BLENDED, 0.1, 1, 0.7), (True, True)),
        (scores(probability=0.9, tracklet=1, of_tracklet=0.6), (False, False)),
        (scores(NEAR_EDGE, 0.0, 1, 0.1), (True, True)),
        (scores(probability=0.0, tracklet=1), (True, True)),  # whose probability nobody knows
    ],
)
def test_which_rows_stay(row: Scores, kept: tuple[bool, bool]) -> None:
    limits = [Limits(0.5, 0.7, linked_only) for linked_only in (False, True)]
    assert tuple(bool(kept_rows(row, each)[0]) for each in limits) == kept  # type: ignore[index]


def test_without_a_threshold_for_tracklets_the_detection_decides() -> None:
    assert [kept_rows(scores(probability=each, tracklet=1), Limits(0.5))[0] for each in (0.4, 0.5)] == [False, True]  # type: ignore[index]


@given(
    st.sets(st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048])),
    st.sampled_from([0.0, 0.3, 0.5, 1.0, np.nan]),
    st.sampled_from([0, 1]),
    st.sampled_from([0.0, 0.7, 1.0, np.nan]),
)
def test_every_row_goes_or_stays_for_one_reason(
    bits: set[int], probability: float, tracklet: int, of_tracklet: float
) -> None:
    # What has no picture needs no template, and what is stationary is not looked for elsewhere.
    bits -= ({NO_TEMPLATE} if FEW_PIXELS in bits else set()) | ({ELSEWHERE} if STATIONARY in bits else set())
    unscored = bits & {NOT_SCORED, REJECTED, FEW_PIXELS, NO_TEMPLATE}
    row = scores(sum(bits), np.nan if unscored else probability, tracklet, of_tracklet if tracklet else np.nan)
    for limit, linked_only, promised in product((None, 0.7), (False, True), (False, True)):
        limits = Limits(0.5, limit, linked_only, promised)
        counts = reasons(row, limits)
        assert sum(counts.values()) == 1, counts
        (why,) = (name for name, count in counts.items() if count)
        assert why in WHY
        assert why.startswith("kept") == bool(kept_rows(row, limits)[0])  # type: ignore[index]


def test_flags_say_who_was_released(night: Path, model: Path, out: Path) -> None:
    write_field(night)
    for path in classify([night], model, output=out).written:
        assert not (np.asarray(table_of(path)[FLAGS]) & BLENDED).any()
