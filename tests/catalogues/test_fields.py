"""Finding the frames of a survey: every one is used, left out by choice, or bad, and counted."""

import pytest
from astropy.io import fits

from ceres_fast.catalogues.fields import grouped, read_infos, survey_fields
from ceres_fast.errors import InputError

from ..mosaic_files import write_mosaic


def test_frames_in_any_number_of_pieces_are_the_same_fields(field):
    whole, counts = survey_fields([field.folder])
    pieces = [read_infos([frame]) for frame in reversed(field.frames)]
    fields, copies = grouped([info for infos, _ in pieces for info in infos])
    assert fields == whole
    assert sum((happened for _, happened in pieces), start=copies) == counts == {"frames_found": 4}


def test_what_is_not_selected_is_counted_and_its_catalogue_is_not_read(field):
    field.catalogue(0).unlink()
    assert read_infos(field.frames, where=[("FILTER", ["z"])]) == ([], {"frames_found": 4, "frames_not_selected": 4})


def test_a_bad_frame_stops_or_is_counted_with_its_detections(field, capsys):
    field.frames[1].write_bytes(b"no FITS")
    with pytest.raises(InputError, match=r"F0001-2\.fits"):
        read_infos(field.frames)
    infos, counts = read_infos(field.frames, on_error="skip")
    assert [info.path for info in infos] == [field.frames[number] for number in (0, 2, 3)]
    assert counts == {"frames_found": 4, "bad_frames": 1, "detections": 9, "bad_frame_detections": 9}
    assert "F0001-2.fits" in capsys.readouterr().err


def test_a_bad_frame_without_a_catalogue_has_no_detections(field):
    field.frames[1].write_bytes(b"no FITS")
    field.catalogue(1).write_bytes(b"no catalogue")
    field.frames[2].write_bytes(b"no FITS")
    field.catalogue(2).unlink()
    _, counts = read_infos(field.frames, on_error="skip")
    assert {name: count for name, count in counts.items() if count} == {"frames_found": 4, "bad_frames": 2}


def test_a_copy_of_an_exposure_is_a_bad_frame(field):
    infos, _ = read_infos([*field.frames, field.frames[0]])
    with pytest.raises(InputError, match="has the field, CCD and time"):
        grouped(infos)
    fields, counts = grouped(infos, on_error="skip")
    assert [len(frames) for frames in fields] == [4]
    assert counts == {"bad_frames": 1, "detections": 9, "bad_frame_detections": 9}


def test_every_ccd_of_a_mosaic_is_a_frame(tmp_path):
    path = write_mosaic(tmp_path / "mosaic.fits")
    infos, counts = read_infos([path])
    assert counts == {"frames_found": 3}
    assert len({info.place for info in infos}) == 3


def test_what_is_no_exposure_of_the_sky_is_counted_and_said(field, capsys):
    fits.setval(field.frames[1], "IMAGETYP", value="Flat Field")
    fields, counts = survey_fields([field.folder])
    assert [[info.path for info in infos] for infos in fields] == [[field.frames[number] for number in (0, 2, 3)]]
    assert counts == {"frames_found": 4, "frames_of_no_sky": 1}
    assert "F0001-2.fits (IMAGETYP = 'Flat Field')" in capsys.readouterr().err
    for frame in field.frames:
        fits.setval(frame, "IMAGETYP", value="BIAS")
    with pytest.raises(InputError, match=r"F0001-1\.fits: is no exposure.*IMAGETYP = 'BIAS'.*all 4 frames"):
        survey_fields([field.folder])


def test_doubts_are_said_once_of_the_frames_that_are_used(field, capsys):
    for frame in field.frames:
        fits.setval(frame, "GAIN", value="high")
    fits.setval(field.frames[0], "IMAGETYP", value="dark")
    survey_fields([field.folder])
    dark, doubt = capsys.readouterr().err.splitlines()
    assert "F0001-1.fits (IMAGETYP = 'dark')" in dark
    assert "F0001-2.fits: GAIN = 'high' cannot be read" in doubt
    assert "and 2 more files" in doubt
