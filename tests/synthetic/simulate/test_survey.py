import csv
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast.errors import CeresFastError
from ceres_fast.files import read_json
from ceres_fast.synthetic.simulate import simulate_survey, survey
from ceres_fast.synthetic.simulate.constants import CONSTANTS
from ceres_fast.synthetic.simulate.survey import TRUTH_COLUMNS, Plan, night_name, write_survey

SHAPE = (512, 512)


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def truth(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    summary = write_survey(folder, Plan(2, 3, 1, 5, SHAPE))
    return folder, summary


def test_layout_is_that_of_a_nearby_night(written):
    folder, summary = written
    frames = {str(path.relative_to(folder)) for path in folder.rglob("*.fits")}
    assert "training/20191026/F0001/resamp/F0001-1.fits" in frames
    assert "held-out/20190928/H0001/resamp/H0001-3.fits" in frames
    assert len(frames) == 9
    assert [row[:3] for row in summary] == [("training", 2, 6), ("held-out", 1, 3)]


def test_the_same_seed_gives_the_same_bytes(written, tmp_path):
    write_survey(tmp_path, Plan(2, 3, 1, 5, SHAPE))
    assert digests(tmp_path) == digests(written[0])


def test_more_fields_leave_the_first_ones_as_they_were(written, tmp_path):
    write_survey(tmp_path, Plan(3, 3, 0, 5, SHAPE))
    before, after = digests(written[0]), digests(tmp_path)
    frames = [name for name in before if name.startswith("training") and name.endswith(".fits")]
    assert all(before[name] == after[name] for name in frames)


def test_another_seed_gives_other_frames(written, tmp_path):
    write_survey(tmp_path, Plan(1, 1, 0, 6, SHAPE))
    name = "training/20191026/F0001/resamp/F0001-1.fits"
    assert digests(tmp_path)[name] != digests(written[0])[name]


def test_truth_table_has_a_row_where_an_asteroid_is_in_the_frame(written):
    for part in ("training", "held-out"):
        rows = truth(written[0] / part / "asteroids.csv")
        assert tuple(rows[0]) == TRUTH_COLUMNS
        assert len({(row["designation"], row["mjd"]) for row in rows}) == len(rows)
        assert all(0 < float(row["rate"]) <= 10 and 0 <= float(row["position_angle"]) <= 360 for row in rows)
        assert {row["validated"] for row in rows} <= {"0", "1"}
    assert len({row["field"] for row in truth(written[0] / "training" / "asteroids.csv")}) == 2


def test_times_of_the_truth_are_the_middles_of_the_exposures(written):
    folder = written[0]
    rows = [row for row in truth(folder / "training" / "asteroids.csv") if row["field"] == "F0001"]
    starts = [
        fits.getheader(folder / f"training/20191026/F0001/resamp/F0001-{number}.fits")["MJD-OBS"]
        for number in (1, 2, 3)
    ]
    middles = sorted({float(row["mjd"]) for row in rows})
    assert np.allclose(middles, np.array(starts) + 30 / 86400, atol=2e-8)


def test_a_validated_asteroid_is_so_in_three_exposures(written):
    rows = truth(written[0] / "training" / "asteroids.csv")
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["designation"]] = counts.get(row["designation"], 0) + int(row["validated"])
    assert set(counts.values()) <= {0, 3}
    assert 3 in counts.values()


def test_with_two_exposures_nothing_is_validated(tmp_path):
    write_survey(tmp_path, Plan(1, 2, 0, 5, SHAPE))
    assert {row["validated"] for row in truth(tmp_path / "training" / "asteroids.csv")} == {"0"}


def test_a_small_survey_is_part_of_the_whole_one():
    whole, small = Plan(1, 4, 0, 0, (4100, 2048)), Plan(1, 4, 0, 0, (1024, 1024))
    assert next(whole.parts()) == next(small.parts())


def test_changing_one_component_leaves_the_rest_of_the_pixels(written, tmp_path):
    silent = replace(CONSTANTS, events=replace(CONSTANTS.events, cosmic_rays=0.0))
    write_survey(tmp_path, Plan(1, 3, 0, 5, SHAPE, silent))
    name = "training/20191026/F0001/resamp/F0001-1.fits"
    same = fits.getdata(written[0] / name) == fits.getdata(tmp_path / name)
    assert 0.99 < same.mean() < 1


def test_survey_json_tells_seed_and_every_constant(written):
    told = read_json(written[0] / "survey.json", what="a survey")
    assert told["seed"] == 5
    assert told["shape"] == [512, 512]
    assert told["constants"]["detector"]["gain"] == CONSTANTS.detector.gain
    assert told["asteroids_boosted_by"] == pytest.approx(CONSTANTS.boost, abs=0.01)


def test_an_existing_folder_is_refused_and_kept(tmp_path):
    out = tmp_path / "data"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    with pytest.raises(CeresFastError, match="exists already"):
        simulate_survey(out, fields=1, held_out_fields=0, exposures=1, small=True)
    assert (out / "mine.txt").read_text() == "keep"


def test_overwrite_replaces_an_existing_folder(tmp_path):
    out = tmp_path / "data"
    out.mkdir()
    (out / "old.txt").write_text("old")
    simulate_survey(out, fields=1, held_out_fields=0, exposures=1, small=True, overwrite=True)
    assert not (out / "old.txt").exists()
    assert fits.getdata(next(out.rglob("*.fits"))).shape == (1024, 1024)


def test_a_run_that_dies_leaves_nothing(tmp_path, monkeypatch):
    calls = []

    def dies(path, rendered):
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(survey, "write_frame", dies)
    with pytest.raises(KeyboardInterrupt):
        simulate_survey(tmp_path / "data", fields=1, held_out_fields=0, exposures=3, small=True)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def full(path, rendered):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(survey, "write_frame", full)
    with pytest.raises(CeresFastError, match="No space left"):
        simulate_survey(tmp_path / "data", fields=1, held_out_fields=0, exposures=1, small=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [{"fields": -1}, {"exposures": 0}, {"seed": -1}, {"held_out_fields": -2}, {"fields": 0, "held_out_fields": 0}],
)
def test_impossible_numbers_are_refused_before_anything_is_written(tmp_path, wrong):
    with pytest.raises(CeresFastError, match="cannot be simulated"):
        simulate_survey(tmp_path / "data", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_nights_are_named_by_the_date_they_began():
    assert night_name(58782) == "20191026"
