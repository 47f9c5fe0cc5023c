"""Real nights whose exposures were grouped wrongly: darks among the frames, dithers in OBJECT, a seeing in pixels."""

import math
import shutil

import pytest
from astropy.io import fits

from ceres_fast.classify import classify
from ceres_fast.detect import detect_frames
from ceres_fast.errors import InputError
from ceres_fast.frames.exposures import group_exposures
from ceres_fast.frames.reading import read_info
from ceres_fast.selection.field import survey_tables
from ceres_fast.selection.rules import Rules
from ceres_fast.truth import read_truth

from ..survey_files import STARS, write_field
from ..tiny_models import classifier, peak_model, written


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    return written(folder, peak_model(classifier_json=classifier(rules=Rules().as_dict()).to_json()))


@pytest.fixture
def night(shared_cases, tmp_path):
    """Two lights, a dark and a bias of MIT's Wallace Observatory; OBJECT is the same in all."""
    shutil.copytree(shared_cases / "real_nights" / "02-darks-and-biases-are-frames" / "night", tmp_path / "night")
    return tmp_path / "night"


def said(capsys):
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def test_darks_and_biases_get_no_catalogue(night, tmp_path, capsys):
    written_ = detect_frames([night], workers=2)
    assert [path.name.split(".")[2] for path in written_] == ["Light", "Light"]
    message = said(capsys)
    assert "no exposures of the sky │ 2" in message
    assert "Bias.Open.00000046.fit.gz (IMAGETYP = 'Bias Frame')" in message
    assert "Dark.Open.00000041.fit.gz (IMAGETYP = 'Dark Frame')" in message
    for light in night.glob("*Light*"):
        light.unlink()
    with pytest.raises(InputError, match=r"Bias.* is no exposure of the sky.*IMAGETYP = 'Bias Frame'.*all 2 frames"):
        detect_frames([night])


def test_a_dark_is_no_exposure_of_the_field(night, model, tmp_path, capsys):
    """Where an earlier version wrote a catalogue of its hot pixels, that goes on, and nothing in it is scored."""
    lights = detect_frames([night])
    shutil.copy(lights[0], lights[0].with_name("lux-180.000secs.Dark.Open.00000041.cat"))
    result = classify([night], model, output=tmp_path / "out")
    message = said(capsys)
    assert "2 classified + 1 passed on unfiltered + 1 left out (1 no exposures of the sky)" in message
    assert "its field's 2 exposures" in message
    dark = next(counts for name, counts in result.counts.items() if "Dark" in name)
    assert dark["rows"] == dark["not_scored"] == dark["written"] > 0
    assert not result.failed


def test_a_dither_in_the_name_of_the_field_changes_nothing(tmp_path, model, capsys):
    """NOAO's mosaics: OBJECT = 'CDFS-S_I - DelRA =  43.2, DelDec = -64.8' (GalSim's tpv.fits)."""
    night = tmp_path / "night"
    frames = write_field(night)
    (night / "asteroids.csv").write_text("designation,mjd,ra,dec\nA,60000.1,150,2\n")
    rules = Rules(track_exposures=1)

    def results(out):
        result = classify([night], model, output=tmp_path / out)
        ((table, counts),) = survey_tables([night], read_truth(night / "asteroids.csv"), rules, on_error="skip")
        return result.counts, table, counts

    before, plain, counts = results("before")
    for number, frame in enumerate(frames):
        fits.setval(frame, "OBJECT", value=f"CDFS-S_I - DelRA = {43.2 * number:.1f}, DelDec = {-64.8 * number:.1f}")
    after, table, again = results("after")
    assert before == after
    assert counts == again
    assert (sum(each["stationary"] for each in after.values()), counts["single_exposures"]) == (3 * len(STARS), 0)
    assert set(table["field"]) == {"CDFS-S_I - DelRA = 0.0, DelDec = -0.0"}
    assert plain["x"].tolist() == table["x"].tolist()
    assert "3 frames whose names differ ('CDFS-S_I - DelRA = 0.0, DelDec = -0.0'" in said(capsys)


@pytest.mark.parametrize("comment", ["[pixels] Average FWHM", "Average FWHM", ""])
def test_a_seeing_in_pixels_finds_the_same_stars(field, model, tmp_path, capsys, comment):
    """casutools' create_table.c, the Liverpool Telescope; the same where the card does not say that it is in pixels."""
    before = classify([field.folder], model, output=tmp_path / "before").counts
    capsys.readouterr()
    for frame in field.frames:
        with fits.open(frame, mode="update") as hdus:
            header = hdus[0].header
            header["SEEING"] = (round(header["SEEING"] / 0.4, 3), comment)
    after = classify([field.folder], model, output=tmp_path / "after").counts
    assert [each["stationary"] for each in after.values()] == [each["stationary"] for each in before.values()]


def test_exposures_of_one_name_that_drift_are_one_field(shared_cases):
    """20 cut-outs of 2713 Luxembourg in 80 minutes, each with coordinates of its own."""
    folder = shared_cases / "real_nights" / "01-real-asteroid-in-place" / "night"
    infos = [read_info(path) for path in sorted(folder.glob("*.fits.gz"))]
    assert not any(math.isnan(info.centre[0]) for info in infos)
    assert group_exposures(infos) == [sorted(infos, key=lambda info: info.mjd)]
