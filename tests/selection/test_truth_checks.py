"""A truth table that is not of the frames is refused, or warned of."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from ceres_fast.errors import CeresFastError
from ceres_fast.frames.info import FrameInfo
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.truth_checks import check_observatory, check_times, check_truth

TRUTH = Table({"mjd": [58782.9, 58782.95], "validated": [True, True]}, meta={"path": "report.txt"})


def frame(mjd):
    return FrameInfo(Path("f"), "f", mjd=mjd)


@pytest.mark.parametrize("mjds", [(58782.9,), (58783.03, 58790.0), (np.nan,), ()])
def test_one_frame_near_in_time_is_enough(mjds):
    check_times(TRUTH, [frame(mjd) for mjd in mjds], Rules())


def test_another_night_is_refused_with_its_date():
    with pytest.raises(CeresFastError, match=r"report\.txt: its 2 rows are of 2019-10-26 21:36 to 2019-10-26 22:4"):
        check_times(TRUTH, [frame(58783.9), frame(np.nan)], Rules())


@pytest.mark.parametrize(
    ("validated", "missing", "warned"), [(1855, 1802, True), (2475, 772, False), (19, 19, False), (20, 18, False)]
)
def test_hardly_any_asteroid_found_is_warned_of(capsys, validated, missing, warned):
    check_truth(TRUTH, {"frames": 16, "validated": validated, "lost_not_detected": missing})
    assert (f"at {missing} of {validated} places" in capsys.readouterr().err) is warned


def test_none_in_any_frame_is_refused():
    with pytest.raises(CeresFastError, match="none of its 2 rows is in any frame"):
        check_truth(TRUTH, {"frames": 1})
    with pytest.raises(CeresFastError, match="none of its 2 rows is validated"):
        check_truth(Table({"validated": [False, False]}), {"frames": 1})
    check_truth(TRUTH, {})


@pytest.mark.parametrize(
    ("told", "validated", "named", "warned"),
    [
        (["568", "568"], [True, True], ["950", ""], True),
        (["568", "950"], [True, True], ["950"], False),
        (["568", "950"], [True, False], ["950"], True),
        (["568", "568"], [True, True], ["Roque de los Muchachos", ""], False),
        (["", ""], [True, True], ["950"], False),
    ],
)
def test_observations_of_another_observatory_are_warned_of(capsys, told, validated, named, warned):
    truth = Table({"observatory": told, "validated": validated}, meta={"path": "report.txt"})
    check_observatory(truth, [FrameInfo(Path("f"), "f", observatory=name) for name in named])
    said = capsys.readouterr().err
    assert ("report.txt: its observations are of 568 (" in said) is warned
    assert ("the frames say 950 (La Palma)" in said) is warned
