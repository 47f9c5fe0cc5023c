"""What has too few pixels is not scored, never dropped, flagged and counted: in files, in memory, in stamps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceres_fast.catalogues import write_table
from ceres_fast.classify import Result, classify, classify_table
from ceres_fast.classify.scores import FEW_PIXELS, FILLED, FLAGS, NEAR_EDGE, NOT_SCORED, PADDED, PROBABILITY
from ceres_fast.engines import load
from ceres_fast.selection.rules import Rules

from ..survey_files import ASTEROID, STARS, catalogue, header, pixels, write_stamp
from ..tiny_models import classifier, peak_model, written
from .conftest import KEEP_ALL, table_of

UNSCORED = FILLED | NOT_SCORED | FEW_PIXELS
POINT = {"threshold": 0.9, "max_loss": 0.02, "confidence": 0.95, "needs": 3}
EARLIER = {name: value for name, value in KEEP_ALL.items() if not name.startswith("most_missing")}
SIDE = 32


@pytest.fixture(scope="module", params=["these rules", "rules from before"])
def calibrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that calls nothing without a bright pixel an asteroid, and drops all else."""
    rules = KEEP_ALL if request.param == "these rules" else EARLIER
    made = classifier(rules=rules, threshold=0.9, operating_point=POINT)
    return written(tmp_path_factory.mktemp("model"), peak_model(classifier_json=made.to_json()))


def stamp(mask: np.ndarray) -> np.ndarray:
    """Return an asteroid of which some pixels are missing, bool (32, 32)."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    noise = np.random.default_rng(0).normal(500, 3, (SIDE, SIDE))
    image = (noise + 40 * np.exp(-(x**2 + y**2) / 8)).astype(np.float32)  # faint: dropped where it is scored
    image[mask] = np.nan
    return image


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.501, 0.999), seed=st.integers(0, 999), scattered=st.booleans())
def test_no_masked_share_above_the_limit_is_ever_dropped(
    calibrated: Path, tmp_path: Path, share: float, seed: int, scattered: bool
) -> None:
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    angle = random.uniform(0, 2 * np.pi)
    order = random.random((SIDE, SIDE)) if scattered else x * np.cos(angle) + y * np.sin(angle)
    mask = order <= np.quantile(order, share)
    image = pixels(np.array([ASTEROID]), 0, peak=40)
    column, row = (int(place) - 1 - SIDE // 2 for place in ASTEROID)
    image[row : row + SIDE, column : column + SIDE][mask] = np.nan
    frame = tmp_path / "frame.fits"
    fits.PrimaryHDU(image, header(0)).writeto(frame, overwrite=True)
    write_table(catalogue(np.array([ASTEROID, STARS[0]])), tmp_path / "frame.cat", "ASCII_HEAD")
    few = write_stamp_anew(tmp_path / "stamps" / "few.fits", stamp(mask))
    write_stamp_anew(tmp_path / "stamps" / "whole.fits", stamp(np.zeros_like(mask)))
    for given_, kept in ((frame, [1]), (few.parent, [few.as_posix()])):
        result = classify([given_], calibrated, output=tmp_path / "out", drop=True, overwrite=True)
        (path,) = result.written
        table = table_of(path)
        assert list(table["NUMBER" if given_ is frame else "file"]) == kept
        assert np.isnan(table[PROBABILITY]).all()
        assert list(table[FLAGS]) == [UNSCORED]
        assert (result.total["rows"], result.total["few_pixels"], result.total["not_scored"]) == (2, 1, 1)
    in_memory = classify_table(frame, tmp_path / "frame.cat", calibrated)
    assert np.isnan(in_memory[PROBABILITY]).tolist() == [True, False]
    assert in_memory[FLAGS][0] == UNSCORED


def write_stamp_anew(path: Path, image: np.ndarray) -> Path:
    path.unlink(missing_ok=True)
    return write_stamp(path, image)


def of_frame(tmp_path: Path, model: Path, places: np.ndarray, image: np.ndarray, **options: object) -> Result:
    folder = tmp_path / "night"
    folder.mkdir()
    fits.PrimaryHDU(image, header(0)).writeto(folder / "one.fits")
    write_table(catalogue(places), folder / "one.cat", "ASCII_HEAD")
    return classify([folder], model, output=tmp_path / "out", **options)


PLACES = {
    "whole": ((100.0, 80.0), 0),
    "beside a bad column": ((132.0, 40.0), FILLED),
    "on a bad column": ((130.0, 100.0), UNSCORED),
    "at the edge": ((3.0, 120.0), PADDED | NEAR_EDGE),
    "in the corner": ((1.0, 1.0), PADDED | NEAR_EDGE),
    "in the corner of a gap": ((198.0, 198.0), PADDED | NEAR_EDGE | UNSCORED),
    "a pixel beyond the frame": ((60.0, -1.0), PADDED | NEAR_EDGE | NOT_SCORED | FEW_PIXELS),
    "far beyond it": ((60.0, -16.5), NOT_SCORED),
    "no position": ((np.nan, 60.0), NOT_SCORED),
    "in the gap": ((30.0, 170.0), UNSCORED),
    "a pixel from the gap": ((30.0, 149.0), FILLED),
    "where all is missing": ((40.0, 180.0), UNSCORED),
}


@pytest.mark.parametrize("table_format", ["ASCII_HEAD", "CSV"])
def test_flags_by_place(
    calibrated: Path, tmp_path: Path, table_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pixels(np.array([place for place, _ in PLACES.values()])[:3], 0, peak=40)
    image[:, 129] = np.nan
    image[150:, :60] = np.nan
    image[190, 190] = np.nan
    places = np.array([place for place, _ in PLACES.values()])
    formats = {"ASCII_HEAD": None, "CSV": "CSV"}
    result = of_frame(tmp_path, calibrated, places, image, format=formats[table_format])
    table = table_of(result.written[0])
    assert dict(zip(PLACES, table[FLAGS].tolist(), strict=True)) == {name: flags for name, (_, flags) in PLACES.items()}
    np.testing.assert_array_equal(np.isnan(table[PROBABILITY]), table[FLAGS] & NOT_SCORED > 0)
    assert result.total["few_pixels"] == 5
    said = " ".join(capsys.readouterr().out.split())
    assert "few px" in said
    assert "5 have too few pixels to be scored (CERES_FLAGS 64), and are kept without a probability" in said


def test_a_dry_run_says_what_stays_for_too_few_pixels(
    calibrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pixels(STARS[:1], 0, peak=40)
    image[:, 59] = np.nan
    result = of_frame(
        tmp_path, calibrated, np.array([STARS[0], [120.0, 120.0], [np.nan, 1.0]]), image, drop=True, dry_run=True
    )
    (why,) = result.fields.values()
    assert {name.format(limits=result.limits): count for name, count in why.items() if count} == {
        "kept: too few pixels": 1,
        "kept: no P": 1,
        "dropped: P < 0.9": 1,
    }
    assert not (tmp_path / "out").exists()


def test_masks_beside_frames_count(calibrated: Path, tmp_path: Path) -> None:
    bad = np.zeros((200, 200), np.uint8)
    bad[:, 60:120] = 1
    (tmp_path / "night").mkdir()
    fits.writeto(tmp_path / "night" / "one.bpm.fits", bad)
    (tmp_path / "night" / "one.fits").unlink(missing_ok=True)
    night = tmp_path / "night"
    fits.PrimaryHDU(pixels(STARS, 0), header(0)).writeto(night / "one.fits")
    write_table(catalogue(np.array([STARS[0], STARS[1], STARS[2]])), night / "one.cat", "ASCII_HEAD")
    table = table_of(classify([night], calibrated, output=tmp_path / "out").written[0])
    assert table[FLAGS].tolist() == [UNSCORED, 0, UNSCORED]  # the first is in the last column before the gap


def test_arrays_with_missing_pixels_get_nan_also_raw(calibrated: Path) -> None:
    engine = load(calibrated)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[:31] = True
    stamps = np.ma.MaskedArray(np.stack([stamp(mask), stamp(~mask), stamp(mask & False)]))
    stamps[1] = np.ma.masked_where(mask, stamp(mask & False))
    for raw in (False, True):
        assert np.isnan(engine.predict(stamps, raw=raw)).tolist() == [True, True, False]


def test_the_limit_is_the_classifiers(tmp_path: Path) -> None:
    """What a classifier learnt from, it scores."""
    rules = Rules(remove_stationary=False, most_missing=0.95, most_missing_at_centre=9).as_dict()
    made = classifier(rules=rules, threshold=0.9, operating_point=POINT)
    model = written(tmp_path, peak_model(classifier_json=made.to_json()))
    mask = np.arange(SIDE)[:, None] < np.full(SIDE, 30)
    write_stamp(tmp_path / "stamps" / "few.fits", stamp(mask))
    (path,) = classify([tmp_path / "stamps"], model, output=tmp_path / "out.ecsv").written
    table = Table.read(path, format="ascii.ecsv")
    assert np.isfinite(table[PROBABILITY]).all()
    assert table[FLAGS].tolist() == [FILLED]
