"""Predictions: what is written is read again, to the bit; an asteroid counts once per night."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ceres_fast.errors import InputError
from ceres_fast.evaluation.predictions import read_predictions, write_predictions

from .failures.cases import made


@pytest.mark.parametrize("names", [["", "", ""], ["2019 SC1", "", "nan"], ["a,b", 'say "x"', "ț"]])
def test_what_is_written_is_read_again(tmp_path: Path, names: list[str]) -> None:
    before = made(np.array([1 / 3, 0, 1 - 2**-53]), label=[1, 0, 1], designation=names, mjd=[58782.1, np.nan, 1e-300])
    write_predictions(before, tmp_path / "predictions.ecsv")
    after = read_predictions(tmp_path / "predictions.ecsv")
    assert after.about == before.about
    np.testing.assert_array_equal(after.probabilities, before.probabilities)
    assert after.known.keys() == before.known.keys()
    for name, values in before.known.items():
        np.testing.assert_array_equal(after.known[name], values)
        assert after.known[name].dtype.kind == values.dtype.kind


def test_an_asteroid_counts_once_per_night_and_a_nameless_one_alone() -> None:
    found = made(
        np.zeros(6),
        label=[1, 1, 1, 0, 1, 1],
        designation=["A", "A", "A", "", "", ""],
        mjd=[58782.9, 58783.1, 58783.9, 58783.1, 58783.1, np.nan],
    )
    asteroids = found.asteroids
    assert asteroids[0] == asteroids[1] != asteroids[2]
    assert asteroids[3] == ""
    assert len(set(asteroids)) == 5
    assert len(set(found.units)) == 4


@pytest.mark.parametrize(
    "text", [None, "", "a,b\n1,2\n", "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int64}\na\nx\n"]
)
def test_what_is_no_table_of_predictions_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "predictions.ecsv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"predictions\.ecsv.*ceres-fast evaluate"):
        read_predictions(path)


@pytest.mark.parametrize("keep", ["part of a row", "whole rows"])
def test_a_cut_table_is_refused(tmp_path: Path, keep: str) -> None:
    path = tmp_path / "predictions.ecsv"
    write_predictions(made(np.linspace(0, 1, 5)), path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]) if keep == "whole rows" else "".join(lines)[:-40])
    with pytest.raises(InputError, match="is not a table of predictions"):
        read_predictions(path)
