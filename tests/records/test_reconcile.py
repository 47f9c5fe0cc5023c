"""Accounts of the inputs, and that a wrong one is found."""

import pytest

from ceres_fast.records.reconcile import ACCOUNTS, Made, imbalance, reconcile

FRAMES = {
    "frames_found": 7,
    "frames": 4,
    "bad_frames": 2,
    "frames_not_selected": 1,
    "detections": 84,
    "bad_frame_detections": 20,
    "stationary": 50,
    "set_aside": 3,
    "bad_stamps": 1,
}


def accounts(**changes):
    return reconcile(
        [
            Made("frames", FRAMES | changes, 10),
            Made("frames", {"detections": 5}, 5),
            Made("stamps", {"files": 8, "bad_stamps": 2}, 6),
            Made("frames", {"detections": 11}, 11),
        ],
        {"over_quota": 12, "nothing": 0},
        20,
    )


def test_every_input_is_accounted_for():
    assert accounts() == {
        "frames": {"input": 7, "dropped": {"bad_frames": 2, "frames_not_selected": 1}, "kept": 4},
        "detections": {
            "input": 100,
            "dropped": {"bad_frame_detections": 20, "stationary": 50, "set_aside": 3, "bad_stamps": 1},
            "kept": 26,
        },
        "stamp_files": {"input": 8, "dropped": {"bad_stamps": 2}, "kept": 6},
        "records": {"input": 32, "dropped": {"over_quota": 12}, "kept": 20},
    }


@pytest.mark.parametrize("wrong", ["detections", "stationary", "bad_stamps", "frames", "frames_found", "set_aside"])
def test_one_too_many_is_found(wrong):
    with pytest.raises(AssertionError, match=r"does not add up: of \d+, \d+ are accounted for.*1 too (few|many)"):
        accounts(**{wrong: FRAMES[wrong] + 1})


def test_a_stamp_that_is_not_written_is_found():
    with pytest.raises(AssertionError, match="the account of records does not add up: of 3, 2"):
        reconcile([Made("stamps", {"files": 3}, 3)], {}, 2)


def test_a_reason_without_an_account_is_found():
    with pytest.raises(AssertionError, match="stamp_files"):
        reconcile([Made("stamps", {"files": 3, "eaten_by_dog": 1}, 2)], {}, 2)


def test_no_reason_counts_twice():
    for account in ACCOUNTS.values():
        assert len({account.what, *account.reasons, account.kept}) == len(account.reasons) + 2
    assert imbalance({"input": 1, "dropped": {}, "kept": 1}) == ""
