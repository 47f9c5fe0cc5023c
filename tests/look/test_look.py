"""Frames and folders, looked at: what is shown, what is said, what is drawn."""

import os

import numpy as np
import pytest
from astropy.io import fits
from matplotlib import image as mpl_image
from typer.testing import CliRunner

import ceres_fast
from ceres_fast.cli import app
from ceres_fast.detect import detect_frames
from ceres_fast.errors import CeresFastError
from ceres_fast.look import look
from ceres_fast.look.examine import examine

from ..mosaic_files import spot, write_mosaic


def lines(text):
    return [" ".join(line.strip("│┃ ").split()) for line in text.splitlines()]


def cells(text, first):
    """Return the cells of the row that begins with a word."""
    rows = [line.strip("│┃").split("│") for line in text.splitlines() if line.startswith("│")]
    return next([cell.strip() for cell in row] for row in rows if row[0].strip() == first)


def test_without_any_coordinates_nothing_is_said_to_come_from_them(write_frame, capsys):
    frame = write_frame()
    fits.setval(frame, "CRVAL1", value="10:00:00")
    detect_frames([frame])
    said = capsys.readouterr().err
    assert "CRVAL1 = '10:00:00'; expected a number); they are not used" in " ".join(said.split())
    look(frame)
    assert cells(capsys.readouterr().out, "sky positions")[1] == "none in the catalogue; nor has the frame coordinates"


def test_a_frame_is_shown_in_full(field, capsys):
    found = look(field.frames[1])
    said = capsys.readouterr().out
    assert cells(said, "gain") == ["gain", "2.8", "electron/ADU", "GAIN = 2.8"]
    assert cells(said, "field")[1] == "F0001"
    assert cells(said, "read noise")[1] == "not known"
    assert cells(said, "start")[1] == "2024-01-01 21:48:30.000"
    assert cells(said, "middle")[1:3] == ["2024-01-01 21:49:00.000", "UTC"]
    assert cells(said, "seeing")[1:3] == ["1.2", "arcsec"]
    assert cells(said, "pixel 200, 160")
    assert "TAN, 0.4 x 0.4 arcsec per pixel" in said
    assert cells(said, "[0]")[1] == "image of a CCD: 200x160 pixels, BITPIX -32"
    assert cells(said, "catalogue")[1].endswith("F0001-2.cat (ASCII_HEAD)")
    # its neighbours in the folder are exposures of the same field
    assert cells(said, "F0001")[1:] == ["CCD4", "2024-01-01 21:36", "4", "13", "10.8", "in all"]
    assert [len(each.infos) for each in found.exposures] == [4]
    assert len(found.shown) == len(found.infos) == 1


def test_of_a_folder_the_first_is_shown_in_full_and_what_differs_in_the_others(field, capsys):
    look(field.folder)
    said = capsys.readouterr().out
    assert said.count("from, or what it costs") == 1
    assert cells(said, "time")[1:] == ["2024-01-01 21:36:00.000", "2024-01-01 22:15:00.000", "UTC", "all 4"]
    assert "in another way" not in said
    assert "catalogues: 4 of 4 files have one" in said


def test_many_files_are_as_good_as_a_folder_and_few_are_each_shown(field, capsys):
    assert len(look(field.frames).shown) == 1
    assert capsys.readouterr().out.count("from, or what it costs") == 1
    assert len(look(field.frames[:2]).shown) == 2
    assert capsys.readouterr().out.count("from, or what it costs") == 2


def test_what_is_read_in_another_way_is_shown_with_its_doubts(field, capsys):
    with fits.open(field.frames[2], mode="update") as hdus:
        header = hdus[0].header
        header["SEEING"] = -999.0
        header["FWHM"] = (3.0, "[pix] of the stars")
        del header["GAIN"]
    look(field.folder)
    said = capsys.readouterr().out
    title = next(line for line in said.splitlines() if "in another way" in line)
    assert title.startswith("1 frame is understood in another way than")
    assert title.endswith("F0001-3.fits")
    assert cells(said.partition(title)[2], "seeing")[1:] == ["1.2", "FWHM (pixel)"]
    assert "doubt: " in said
    assert "SEEING = -999.0 is not plausible" in said
    assert lines(said)[-1].startswith("Not known: gain (1 of 4).")
    assert lines(said)[-1].endswith("Doubtful, see above: SEEING.")


def test_all_is_known(field, capsys):
    look(field.folder)
    assert lines(capsys.readouterr().out)[-1] == (
        "Everything that is asked of a header is known, and nothing is doubtful."
    )


def test_a_seeing_that_detections_contradict_is_not_what_exposures_are_compared_with(field, capsys):
    for path in field.frames:
        with fits.open(path, mode="update") as hdus:
            hdus[0].header["SEEING"] = 30.0
    found = look(field.folder)
    (exposures,) = found.exposures
    assert exposures.needed == pytest.approx(9 * 1.3, abs=3)
    said = capsys.readouterr().out
    assert cells(said, "seeing")[1] == "30"
    assert "arcsec, by the widths of its detections" in said
    assert lines(said)[-1] == "Doubtful, see above: the seeing."


def test_what_is_not_known_costs_something_and_is_to_be_mended(write_frame, capsys):
    look(write_frame(GAIN=-1, SEEING=99999, CTYPE1=""))
    said = capsys.readouterr().out
    assert cells(said, "gain") == ["gain", "not known", "", "inject refuses it"]
    assert "GAIN = -1 is not plausible" in said
    last = lines(said)[-1]
    assert last.startswith("Not known: pixel scale, seeing, gain, a WCS.")
    assert "--camera" in last


def test_a_broken_frame_in_a_folder_is_named_and_the_others_are_shown(field, capsys):
    broken = field.frames[0].with_name("A-broken.fits")
    broken.write_bytes(b"SIMPLE  = no")
    empty = field.frames[0].with_name("empty.fits")
    empty.write_bytes(b"")
    found = look(field.folder)
    said = capsys.readouterr()
    assert set(found.broken) == {broken, empty}
    assert str(broken) in said.err
    assert str(empty) in said.err
    assert len(found.infos) == 4
    assert lines(said.out)[-1].startswith("2 files cannot be read.")


def test_nothing_that_can_be_read_is_an_error(tmp_path):
    (tmp_path / "a.fits").write_bytes(b"nothing")
    (tmp_path / "b.fits").write_bytes(b"")
    with pytest.raises(CeresFastError, match=r"a\.fits.*\n.*b\.fits: is empty"):
        look(tmp_path)
    with pytest.raises(CeresFastError, match="does not exist"):
        look(tmp_path / "nowhere")


def test_pixels_that_cannot_be_used_do_not_hide_the_header(write_frame, capsys):
    found = look(write_frame(data=np.full((40, 40), 7.0)))
    assert found.shown[0].pixels is None
    said = capsys.readouterr().out
    assert "every pixel is 7" in said
    assert "cannot be used" in lines(said)[-1]


def test_frames_of_no_sky_are_named_and_never_the_example(field, capsys):
    for number, kind in enumerate(("Dark Frame", "Bias Frame"), start=1):
        header = fits.getheader(field.frames[0])
        header["IMAGETYP"] = kind
        data = np.random.default_rng(number).normal(100, 3, (160, 200)).astype(np.float32)
        fits.PrimaryHDU(data, header).writeto(field.frames[0].with_name(f"A{number}.fits"))
    found = look(field.folder)
    assert len(found.no_sky) == 2
    assert found.shown[0].info.path == field.frames[0]
    assert len(found.exposures) == 1
    said = capsys.readouterr().out
    assert "no sky: 1 file with IMAGETYP = 'Dark Frame': A1.fits" in said
    look(field.frames[0].with_name("A1.fits"))
    assert lines(capsys.readouterr().out)[-1] == "No frame shows the sky."


def test_the_ccds_of_a_mosaic_are_shown_once_with_their_maps(tmp_path, capsys):
    maps = [fits.ImageHDU(spot(3, 4), name=f"CCD{part + 1}_MASK") for part in range(3)]
    path = write_mosaic(tmp_path / "m.fits", maps=maps)
    fits.PrimaryHDU(np.ones((160, 200))).writeto(tmp_path / "catalogue.fits")
    found = look(path)
    said = capsys.readouterr().out
    assert len(found.shown) == 1
    assert len(found.infos) == 3
    assert cells(said, "[1] CCD1, [2] CCD2, [3] CCD3")[1].startswith("3 x image of a CCD: 200x160 pixels")
    assert cells(said, "[4] CCD1_MASK, [5] CCD2_MASK, [6] CCD3_MASK")[1].startswith("3 x mask")
    assert cells(said, "missing pixels")[1] == "1 (0.00%)"
    assert cells(said, "gain")[1:4] == ["2", "4", "electron/ADU"] or cells(said, "gain")[1] == "2"


def test_a_map_beside_the_frame_is_named_with_what_it_marks(write_frame, tmp_path, capsys):
    frame = write_frame()
    mask = np.zeros((160, 200), np.uint8)
    mask[:16] = 1
    fits.PrimaryHDU(mask).writeto(tmp_path / "frame_mask.fits")
    look(frame)
    said = capsys.readouterr().out
    assert cells(said, "beside it")[1] == "frame_mask.fits: mask"
    assert cells(said, "missing pixels")[1] == "3,200 (10.00%)"


def test_a_profile_changes_what_is_understood(write_frame, tmp_path, capsys):
    profile = tmp_path / "mine.toml"
    profile.write_text('name = "mine"\n[keywords]\ngain = ["MYGAIN"]\n')
    frame = write_frame(MYGAIN=1.7)
    found = look(frame, camera=profile)
    assert found.shown[0].info.gain == 1.7
    assert "its header, read as that of mine" in capsys.readouterr().out
    with pytest.raises(CeresFastError, match="neither a camera"):
        look(frame, camera="nothing")


def test_a_night_of_many_frames_stays_readable(tmp_path, write_frame, capsys):
    first = write_frame("night/f000.fits")
    for number in range(1, 60):
        with fits.open(first) as hdus:
            hdus[0].header["MJD-OBS"] += number * 0.002
            hdus.writeto(tmp_path / "night" / f"f{number:03d}.fits")
    look(tmp_path / "night")
    assert len(capsys.readouterr().out.splitlines()) < 70


def test_examining_says_nothing(field, capsys):
    looked, heads = examine([field.folder])
    assert len(heads) == 4
    assert len(looked.kinds()) == 1
    said = capsys.readouterr()
    assert said.out == said.err == ""


def test_the_command(field, tmp_path):
    def run(*arguments):
        return CliRunner().invoke(app, ["look", *map(str, arguments)])

    done = run(field.frames[0], "--png", tmp_path / "one.png")
    assert done.exit_code == 0
    assert (tmp_path / "one.png").exists()
    assert run(field.folder, "--camera", "ztf", "--catalogues", tmp_path).exit_code == 0
    (tmp_path / "empty.fits").write_bytes(b"")
    assert isinstance(run(tmp_path / "empty.fits").exception, CeresFastError)


def test_a_picture_of_one_frame(field, tmp_path, capsys):
    ceres_fast.look(field.frames[0], png=tmp_path / "pictures" / "one.png")
    height, width, _ = mpl_image.imread(tmp_path / "pictures" / "one.png").shape
    assert 500 < height < 1500
    assert 500 < width < 1500
    assert f"written to {tmp_path / 'pictures' / 'one.png'}" in capsys.readouterr().out


def test_pictures_of_a_folder_have_the_places_of_their_frames(field, tmp_path):
    fits.PrimaryHDU(np.full((30, 30), 5.0)).writeto(field.frames[0].with_name("constant.fits"))
    look(field.folder, png=tmp_path / "pictures")
    pictures = sorted(path.relative_to(tmp_path / "pictures").as_posix() for path in tmp_path.glob("pictures/**/*.png"))
    assert pictures == [f"F0001/resamp/F0001-{number}.png" for number in range(1, 5)] + ["F0001/resamp/constant.png"]
    with pytest.raises(CeresFastError, match="5 frames do not fit into one picture"):
        look(field.folder, png=tmp_path / "one.png")


def test_a_picture_of_a_mosaic_has_its_ccds_and_circles(tmp_path):
    from ceres_fast.frames.camera import GENERIC
    from ceres_fast.frames.reading import read_headers
    from ceres_fast.look.frame import look_at
    from ceres_fast.look.picture import picture_of

    path = write_mosaic(tmp_path / "m.fits", maps=[fits.ImageHDU(spot(3, 4), name="CCD1_MASK")])
    detect_frames([path], format="FITS_LDAC")
    ccds = [look_at(head, GENERIC, widest=50) for head in read_headers(path)]
    assert ccds[0].pixels.thumbnail.shape == (40, 50)
    axes = picture_of(ccds).axes
    assert len(axes) == 4
    for ccd, each in zip(ccds, axes, strict=False):
        assert len(each.collections[0].get_offsets()) == ccd.catalogue.rows > 0
        assert each.images[0].get_extent() == [0.5, 200.5, 0.5, 160.5]
        assert {text.get_text() for text in each.texts} == {"N", "E"}
    texts = [text.get_text() for text in picture_of(ccds).legends[0].get_texts()]
    assert texts == [f"{sum(ccd.catalogue.rows for ccd in ccds)} detections", "missing pixels"]


def test_what_is_beside_a_named_frame_and_is_no_frame_does_not_matter(write_frame, tmp_path):
    frame = write_frame(tmp_path / "frame.fits")
    (tmp_path / "gone.fits").symlink_to("nowhere.fits")
    (tmp_path / "round.fits").symlink_to("round.fits")
    (tmp_path / "folder.fits").mkdir()
    assert [len(each.infos) for each in look(frame).exposures] == [1]


def test_the_only_frame_of_its_folder_may_have_any_name(write_frame, tmp_path):
    frame = write_frame(tmp_path / "frame.fits").rename(tmp_path / "frame.img")
    assert [len(each.infos) for each in look(frame).exposures] == [1]


def test_a_frame_whose_name_is_no_text_is_drawn(write_frame, tmp_path):
    frame = write_frame(tmp_path / "frame.fits").rename(tmp_path / os.fsdecode(b"n\xff.fits"))
    look(frame, png=tmp_path / "frame.png")
    assert mpl_image.imread(tmp_path / "frame.png").any()
