"""How large the calibration split is: in asteroids, not in stamps."""

from __future__ import annotations

import numpy as np
import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.records.splits import FRACTIONS, Division, divide, group_stamps
from ceres_fast.records.splits.calibration import asteroid_names, calibration_text, seen_asteroids, sized_for

from .some_stamps import places


def survey(fields: int = 60, asteroids: int = 5, exposures: int = 4, others: int = 20) -> dict[str, np.ndarray]:
    """Return grouped columns of fields of one night, each with some asteroids, and with other detections."""
    per_field = asteroids * exposures + others
    field, place = np.divmod(np.arange(fields * per_field), per_field)
    is_asteroid = place < asteroids * exposures
    number = field * asteroids + place // exposures
    columns = places(
        len(field),
        field=np.strings.add("F", field.astype(str)),
        ccd=np.full(len(field), "1"),
        designation=np.where(is_asteroid, np.strings.add("A", number.astype(str)), ""),
    )
    columns |= {"mjd": 60000.1 + place % exposures / 100, "label": is_asteroid.astype(int)}
    return columns | {"group": group_stamps(columns)}


def held(splits: np.ndarray, columns: dict[str, np.ndarray], needs: int = 3) -> int:
    """Count the asteroids of the calibration split one by one."""
    count = 0
    for name in set(columns["designation"]) - {""}:
        rows = (columns["designation"] == name) & (splits == "calibration")
        count += len(set(columns["mjd"][rows])) >= needs
    return count


def test_an_asteroid_of_two_nights_is_two_and_one_without_a_name_is_its_own() -> None:
    columns = {
        "label": np.array([1, 1, 1, 1, 0]),
        "designation": np.array(["A", "A", "", "", ""]),
        "mjd": np.array([60000.1, 60001.1, np.nan, 60000.1, 60000.1]),
    }
    assert asteroid_names(columns).tolist() == ["A 20230224", "A 20230225", "stamp 2", "stamp 3 20230224", ""]


def test_an_asteroid_counts_by_its_exposures_not_by_its_stamps() -> None:
    known = [("A", 0.1), ("A", 0.1), ("A", 0.2), ("B", 0.1), ("B", 0.2), ("B", 0.3), ("C", np.nan), ("C", np.nan)]
    columns = {
        "label": np.ones(len(known), int),
        "designation": np.array([name for name, _ in known]),
        "mjd": 60000 + np.array([time for _, time in known]),
    }
    seen = {needs: sorted(columns["designation"][seen_asteroids(columns, needs)]) for needs in (1, 2, 3)}
    assert seen == {1: ["A", "B", "C"], 2: ["A", "B", "C"], 3: ["B"]}


@pytest.mark.parametrize("wanted", [5, 42, 149, 250])
@pytest.mark.parametrize("hold_out", [(), [("field", ["F3", "F4"])]])
def test_the_split_holds_as_many_as_were_asked_for(wanted: int, hold_out: list) -> None:
    columns = survey()
    sized = sized_for(Division(FRACTIONS, 3, hold_out), columns, wanted, 3)
    splits, _ = divide(columns, sized)
    assert wanted <= held(splits, columns) <= wanted + 15
    assert sum(sized.fractions.values()) == pytest.approx(1, abs=1e-12)
    others = {split: share for split, share in sized.fractions.items() if split != "calibration"}
    assert others["validation"] / others["train"] == pytest.approx(1 / 7, rel=0.01)
    # What the manifest stores is enough to make the same splits again.
    np.testing.assert_array_equal(divide(columns, Division(dict(sized.fractions), 3, hold_out))[0], splits)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (0, "expected 1 or more"),
        (301, r"asteroids 301: the stamps show 300 asteroids in 3 exposures of a night or more\. Add sources"),
        (295, r"show 300 asteroids .* or more, of which the calibration split can hold 2\d\d\. Add sources"),
    ],
)
def test_more_than_there_are_is_refused(wanted: int, message: str) -> None:
    with pytest.raises(CeresFastError, match=message):
        sized_for(Division(FRACTIONS, 0), survey(), wanted, 3)


def test_fractions_of_which_nothing_is_left_are_refused_by_the_option() -> None:
    fractions = dict.fromkeys(FRACTIONS, 0.0001) | {"train": 0.9997}
    message = r"asteroids 200: .* a share of 0\.6667, of which --fractions leave nothing for validation\. Ask for fewer"
    with pytest.raises(CeresFastError, match=message):
        sized_for(Division(fractions, 0), survey(), 200, 3)


@pytest.mark.parametrize(
    ("fields", "exposures", "needs", "message"),
    [
        # 1 - 0.05^(1/30) is 0.0950: 0.096 is the first step above it.
        (60, 4, 3, "calibration holds 30 asteroids seen in 3 exposures of a night or more: `ceres-fast calibrate "
         "--max-loss 0.096` is the least they can carry with 95% confidence; --max-loss 0.02 needs 149, which "
         "--calibration-asteroids 149 gives it"),
        (320, 4, 3, "calibration holds 160 asteroids seen in 3 exposures of a night or more: enough for `ceres-fast "
         "calibrate`, which needs 149 to lose at most 2% with 95% confidence"),
        (20, 4, 2, "calibration holds 10 asteroids seen in 2 exposures of a night or more: `ceres-fast calibrate "
         "--needs 2 --max-loss 0.259` is the least they can carry with 95% confidence; --max-loss 0.02 needs 149, and "
         "all splits together hold 100"),
        (20, 1, 3, "calibration holds 10 asteroids, none of them seen in 3 exposures of a night or more: `ceres-fast "
         "calibrate --needs 1 --max-loss 0.259` is the least they can carry with 95% confidence; --max-loss 0.02 needs "
         "149, and all splits together hold 100"),
    ],
)  # fmt: skip
def test_what_they_can_carry_is_said(fields: int, exposures: int, needs: int, message: str) -> None:
    columns = survey(fields, exposures=exposures)
    splits, _ = divide(columns, Division(FRACTIONS, 0))
    assert calibration_text(columns, splits, needs, resizable=True) == message


def test_without_asteroids_or_with_a_preset_nothing_is_promised_that_cannot_be() -> None:
    columns = survey()
    nowhere = np.full(len(columns["label"]), "train")
    assert "holds no asteroid" in calibration_text(columns, nowhere, 3, resizable=True)
    splits, _ = divide(columns, Division(FRACTIONS, 0))
    assert "--calibration-asteroids" not in calibration_text(columns, splits, 3, resizable=False)
