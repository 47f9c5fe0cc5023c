"""What is compared are answers on the same stamps; anything else is refused, by name and row."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ceres_fast.artifact.latest import name_latest
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.evaluation.compare.runs import read_answers
from ceres_fast.evaluation.predictions import Predictions

from ...tiny_models import classifier
from .evaluations import columns, predictions, survey, write_evaluation

KNOWN = survey(asteroids=3, others=6)
SOME = np.random.default_rng(0).random(18)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write_evaluation(tmp_path / "first", predictions(KNOWN, SOME))


def second(first: Path, made: Predictions, **more: object) -> Path:
    return write_evaluation(first.parent / "second", made, **more)


def test_what_is_read(first: Path) -> None:
    other = second(first, predictions(KNOWN, SOME[::-1]), threshold=0.25, config={"seed": 4, "dense": 10})
    a, b = read_answers([first, other], "test")
    assert (a.letter, a.run, a.threshold, a.seed, a.settings) == ("A", first, 0.5, None, {})
    assert (b.letter, b.run, b.threshold, b.seed, b.settings["dense"]) == ("B", other, 0.25, 4, 10)
    assert a.classifier == "xception, experiment 2"
    np.testing.assert_array_equal(a.predictions.probabilities, SOME)
    np.testing.assert_array_equal(b.called, SOME[::-1] >= 0.25)


def test_a_folder_of_an_evaluation_will_do_a_link_and_the_newest(first: Path) -> None:
    link = first.parent / "link"
    link.symlink_to(first.name)
    name_latest(first)
    a, b, c = read_answers([first / "evaluation-test", link, first.parent / "latest"], "test")
    assert c.run == first
    np.testing.assert_array_equal(a.predictions.probabilities, b.predictions.probabilities)


@pytest.mark.parametrize("known", [KNOWN, columns([1, 0] * 9, x=0.0, mjd=np.repeat([1.0, np.nan], 9))])
def test_rows_in_another_order_are_paired(first: Path, known: dict[str, np.ndarray], tmp_path: Path) -> None:
    here = write_evaluation(tmp_path / "here", predictions(known, SOME))
    order = np.random.default_rng(1).permutation(18)
    shuffled = {name: values[order] for name, values in known.items()}
    there = write_evaluation(tmp_path / "there", predictions(shuffled, SOME[order]))
    a, b = read_answers([here, there], "test")
    for name, values in a.predictions.known.items():
        np.testing.assert_array_equal(b.predictions.known[name], values)
    if known is KNOWN:
        np.testing.assert_array_equal(b.predictions.probabilities, SOME)
        np.testing.assert_array_equal(b.predictions.units, a.predictions.units)
    # Where rows cannot be told apart, each answer is still that of one of them.
    assert sorted(b.predictions.probabilities) == sorted(SOME)


def test_fewer_than_two_runs(first: Path) -> None:
    for runs in ([], [first]):
        with pytest.raises(CeresFastError, match=rf"{len(runs)} run to compare; expected two or more"):
            read_answers(runs, "test")


def test_many_runs_have_letters(first: Path) -> None:
    letters = [each.letter for each in read_answers([first] * 30, "test")]
    assert letters[:2] + letters[25:28] == ["A", "B", "Z", "AA", "AB"]
    assert len(set(letters)) == 30


def test_a_run_that_is_not_evaluated(first: Path, tmp_path: Path) -> None:
    wanted = r"evaluation-test/predictions\.ecsv: does not exist.*ceres-fast evaluate .*none --split test"
    with pytest.raises(InputError, match=wanted):
        read_answers([first, tmp_path / "none"], "test")
    with pytest.raises(InputError, match=r"evaluation-validation/predictions\.ecsv: does not exist"):
        read_answers([first, first], "validation")


def test_the_folder_of_another_split(first: Path) -> None:
    with pytest.raises(InputError, match=r"is of the split 'test'; expected the validation split"):
        read_answers([first, first / "evaluation-test"][::-1], "validation")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (predictions(KNOWN, SOME, manifest_sha256="c" * 64), r"other records, sim \(cccc.*sim \(aaaa"),
        (predictions(survey(3, 5), SOME[:17]), r"has 17 stamps, and that of .*first has 18"),
        (predictions({**KNOWN, "label": 1 - KNOWN["label"]}, SOME), r"row \d+: has another stamp than that of"),
        (predictions({**KNOWN, "x": np.where(np.arange(18) == 4, 99, KNOWN["x"])}, SOME), r"has another stamp"),
        (predictions({**KNOWN, "magnitude": np.full(18, 20.0)}, SOME), r"row \d+: has another stamp"),
        (predictions(KNOWN, np.where(np.arange(18) == 4, np.nan, SOME)), r"row 5: probability is nan; expected"),
        (predictions(KNOWN, np.where(np.arange(18) == 4, 1.5, SOME)), r"row 5: probability is 1\.5"),
        (predictions({**KNOWN, "label": KNOWN["label"] * 2}, SOME), r"row 1: label is 2; expected 0 or 1"),
        (predictions(KNOWN, SOME, manifest_sha256=None), r"manifest_sha256: does not say of which records"),
        (predictions(survey(0, 0), []), r"has no rows"),
    ],
)  # fmt: skip
def test_what_does_not_pair_is_refused(first: Path, made: Predictions, message: str) -> None:
    with pytest.raises(InputError, match=rf"second.*predictions\.ecsv.*{message}"):
        read_answers([first, second(first, made)], "test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"scores\.json: cannot be read"),
        ("{", "is not valid JSON"),
        ("[]", "holds a list"),
        ("{}", r"threshold: is None; expected a number"),
        ('{"threshold": "high"}', "threshold: is 'high'"),
        ('{"threshold": true}', "threshold: is True"),
        ('{"threshold": NaN}', "is not valid JSON .JSON has no NaN"),
        ('{"threshold": Infinity}', "is not valid JSON .JSON has no Infinity"),
        ('{"threshold": 1' + "0" * 400 + "}", "threshold: is 1000"),
        ('{"threshold": -0.1}', r"threshold: is -0\.1; expected a number from 0 to 1"),
        ('{"threshold": 0.5}', r"does not fit the predictions\.ecsv beside it"),
        ('{"threshold": 0.5, "confusion": [[1, 2], [3, 4]]}', r"does not fit the predictions\.ecsv beside it"),
    ],
)
def test_scores_that_are_not_of_the_predictions(first: Path, text: str | None, message: str) -> None:
    path = first / "evaluation-test" / "scores.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_answers([first, first], "test")


def test_an_evaluation_that_was_killed_between_its_files(first: Path) -> None:
    # A second evaluation at another threshold wrote scores.json, and not yet the predictions of other weights.
    path = first / "evaluation-test" / "scores.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "threshold": 0.0}))
    with pytest.raises(InputError, match=r"does not fit .* evaluate"):
        read_answers([first, first], "test")


def test_a_threshold_that_changed_since_is_told(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classifier(threshold=0.5).write(first)
    read_answers([first, first], "test")
    assert not capsys.readouterr().err
    classifier(threshold=0.125).write(first)
    read_answers([first, first], "test")
    assert "was evaluated at the threshold 0.5, and its classifier has 0.125 now" in capsys.readouterr().err


def test_a_config_of_a_series_is_not_that_of_a_run_and_a_damaged_one_is_named(first: Path) -> None:
    (first / "config.toml").write_text("seed = 1\nseeds = 3\n")
    assert read_answers([first, first], "test")[0].seed is None
    (first / "config.toml").write_text("seed = ")
    with pytest.raises(InputError, match=r"config\.toml: cannot be read"):
        read_answers([first, first], "test")
