"""Real layouts of images, masks and weights that were taken for frames, for CCDs, or applied whole."""

import shutil

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast import console
from ceres_fast.catalogues import read_catalogue, write_table
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.classify import classify
from ceres_fast.detect import detect_frames
from ceres_fast.errors import CeresFastError
from ceres_fast.frames.profiles import load_camera
from ceres_fast.frames.reading import find_frames, read_frame, read_headers
from ceres_fast.selection.rules import Rules

from ..survey_files import ASTEROID, STEP, catalogue, header, pixels, write_field
from ..tiny_models import classifier, peak_model, written

CORE = [(-1, -1), (0, -1), (1, -1), (-1, 0), (0, 0), (1, 0), (-1, 1), (0, 1), (1, 1)]


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    return written(folder, peak_model(classifier_json=classifier(rules=Rules().as_dict()).to_json()))


def marked_as_cosmic_rays(path, exposure):
    """Write a frame anew as BANZAI does, with the core of the asteroid in its BPM as a cosmic ray: bit 8."""
    mask = np.zeros((200, 200), np.uint8)
    mask[100:103, 20] = 1
    mask[fits.getdata(path) > 800] |= 2
    x, y = np.rint(ASTEROID + STEP * exposure).astype(int) - 1
    for across, up in CORE:
        mask[y + up, x + across] |= 8
    science = fits.ImageHDU(fits.getdata(path), header(exposure), name="SCI")
    hdus = [fits.PrimaryHDU(header=header(exposure)), science, fits.ImageHDU(mask, name="BPM")]
    fits.HDUList(hdus).writeto(path, overwrite=True)


@pytest.mark.parametrize("camera", [None, "lco"])
def test_cosmic_rays_in_the_bpm_of_lco_are_no_missing_pixels(tmp_path, model, capsys, camera):
    """LCOGT/banzai: bpm.py sets 2 where saturated, cosmic.py 8 for cosmic rays, and data.py writes it all as BPM."""
    console._printed.clear()
    for number, path in enumerate(frames := write_field(tmp_path / "night")):
        marked_as_cosmic_rays(path, number)
    result = classify([tmp_path / "night"], model, output=tmp_path / "out", camera=camera)
    assert result.total["asteroids"] == len(frames)
    assert result.total["filled"] == 0
    said = capsys.readouterr().err
    assert said.count("[2]: is a mask of bits") == (camera is None)
    assert ("was trained on frames that were read without --camera" in said) == (camera is not None)
    missing = np.argwhere(np.isnan(read_frame(frames[0], camera=load_camera(camera)).data)).tolist()
    assert missing == ([[row, 20] for row in (100, 101, 102)] if camera else [])


def test_image_mask_and_variance_without_names_are_one_ccd(tmp_path, shared_cases):
    """dirac-institute/kbmod, data/small/000000.fits, of which detect said that [2] has no sky."""
    name = "kbmod_small_000000.fits"
    shutil.copyfile(shared_cases / "frames" / "12-unnamed-mask-and-variance" / name, tmp_path / name)
    assert [head.info.hdu for head in read_headers(tmp_path / name)] == [1]
    assert len(detect_frames([tmp_path])) == 1


def test_a_night_of_images_masks_and_variances_without_names(tmp_path, model):
    frames = write_field(tmp_path / "night")
    whole = classify([tmp_path / "night"], model, output=tmp_path / "whole").counts
    for number, path in enumerate(frames):
        data, head = fits.getdata(path), header(number)
        mask = np.zeros(data.shape, np.float32)
        mask[5, 5] = 2
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(data, head), fits.ImageHDU(mask), fits.ImageHDU(np.abs(data))]
        fits.HDUList(hdus).writeto(path, overwrite=True)
    assert classify([tmp_path / "night"], model, output=tmp_path / "unnamed").counts == whole


def test_noirlabs_data_quality_and_weight_are_maps_of_the_image(tmp_path, shared_cases, capsys):
    """legacysurvey/legacypipe, issues 335, 363 and 581."""
    night = tmp_path / "night"
    shutil.copytree(shared_cases / "frames" / "21-decam-ooi-ood-oow", night)
    for sources in ([night], sorted(night.glob("*.fits.fz"))):
        assert all("_ooi_" in path.name for path in find_frames(sources))
        assert len(find_frames(sources)) == 2
    written = detect_frames([night], workers=2, camera="decam")
    assert [path.name for path in written] == [f"c4d_190928_{time}_ooi_r_v1.cat" for time in ("230000", "230612")]
    for path in written:
        assert len(read_catalogue(path).table) > 100
    weight = fits.getdata(night / "c4d_190928_230000_oow_r_v1.fits.fz", 1)
    missing = np.isnan(read_frame(night / "c4d_190928_230000_ooi_r_v1.fits.fz").data)
    assert (missing == ~(weight > 0)).all()


def test_a_real_exposure_of_the_community_pipeline(tmp_path, shared_cases, model):
    """Cut-outs of legacysurvey/legacypipe, whose headers all say PRODTYPE = 'image'."""
    night = tmp_path / "night"
    shutil.copytree(shared_cases / "real_nights" / "03-noirlab-cp-maps" / "night", night)
    (frame,) = find_frames([night])
    assert "_ooi_" in frame.name
    assert np.isnan(read_frame(frame).data).any()
    info = read_headers(frame, load_camera("decam"))[0].info
    assert info.zero_point == pytest.approx(29.915)
    assert info.seeing == pytest.approx(3.691442 * info.pixel_scale)
    assert len(detect_frames([night])) == 1
    assert len(classify([night], model, output=tmp_path / "out").written) == 1


@pytest.mark.parametrize("origin", [0, 1])
def test_catalogues_may_count_pixels_from_0(tmp_path, model, origin):
    frames = write_field(tmp_path / "night")
    profile = tmp_path / "mine.toml"
    profile.write_text(f"origin = {origin}\n")
    for number, path in enumerate(frames):
        table = path.parents[1] / "sextractor_cat" / f"{path.stem}.cat"
        places = np.vstack([np.array([[60.0, 60.0], [140.0, 60.0]]), ASTEROID + STEP * number])
        write_table(catalogue(places - 1 + origin), table, "ASCII_HEAD")
        fits.PrimaryHDU(pixels(places, number), header(number)).writeto(path, overwrite=True)
    result = classify([tmp_path / "night"], model, output=tmp_path / "out", camera=profile)
    assert result.total["asteroids"] == 3
    found = read_detections(read_headers(frames[0], load_camera(profile))[0])
    np.testing.assert_allclose(found.x[:3], [60, 140, 100], atol=1e-3)
    again = read_detections(found.info)
    np.testing.assert_allclose(again.x, found.x)


def test_no_camera_of_that_name(tmp_path, model):
    write_field(tmp_path / "night")
    with pytest.raises(
        CeresFastError, match=r"nonesuch: is neither a camera that is known nor a file; expected one of"
    ):
        classify([tmp_path / "night"], model, output=tmp_path / "out", camera="nonesuch")
