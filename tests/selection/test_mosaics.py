"""Files with several CCDs: each is a frame of its own, and reading one touches no other."""

import gzip
import tracemalloc

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ceres_fast.catalogues import write_tables
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.detect import detect_frames
from ceres_fast.errors import InputError
from ceres_fast.frames.exposures import group_exposures
from ceres_fast.frames.reading import find_frames, read_frame, read_header, read_headers, read_info
from ceres_fast.selection.field import survey_tables
from ceres_fast.selection.rules import Rules
from ceres_fast.truth import read_truth

from ..mosaic_files import CCDS, GAP, ccd_header, pixels, primary_header, write_mosaic
from ..tiny_field import ASTEROIDS, DITHERS, RATE, SHAPE, START, STEP, make_wcs, place


@pytest.fixture(params=["plain", "compressed", "gzipped"])
def mosaic(request, tmp_path):
    name = {"plain": "F1-1.fits", "compressed": "F1-1.fits.fz", "gzipped": "F1-1.fits.gz"}[request.param]
    return write_mosaic(tmp_path / name, compressed=request.param == "compressed")


def test_every_ccd_is_a_frame(mosaic):
    heads = read_headers(mosaic)
    assert [head.info.hdu for head in heads] == [1, 2, 3]
    assert [head.info.part for head in heads] == [0, 1, 2]
    assert [head.info.frame for head in heads] == ["F1-1[1]", "F1-1[2]", "F1-1[3]"]
    assert [head.info.ccd for head in heads] == ["CCD1", "CCD2", "CCD3"]
    assert [head.info.gain for head in heads] == [2, 3, 4]
    assert [head.info.saturation for head in heads] == [50000, 50001, 50002]
    assert {(head.info.field, head.info.filter, head.info.mjd, head.info.seeing) for head in heads} == {
        ("F0001", "r", heads[0].info.mjd, 1.2)
    }
    for part, head in enumerate(heads):
        frame = read_frame(mosaic, head.info.hdu)
        np.testing.assert_allclose(frame.data, pixels(part), atol=3 if mosaic.suffix == ".fz" else 0)
        assert frame.data.dtype == np.float32
        assert frame.data.dtype.isnative
        assert frame.info == head.info == read_info(mosaic, head.info.hdu)
        assert frame.header["EXPTIME"] == 60
        shifted = make_wcs().all_pix2world([[5 + GAP * part, 6]], 1)
        np.testing.assert_allclose(frame.wcs.all_pix2world([[5, 6]], 1), shifted)
    assert find_frames([mosaic.parent]) == [mosaic]


def test_only_the_pixels_of_one_ccd_are_read(tmp_path):
    side = 1000
    images = [fits.ImageHDU(np.random.default_rng(n).normal(0, 1, (side, side)).astype(np.float32)) for n in range(8)]
    path = tmp_path / "large.fits"
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    read_frame(path, 8)  # what is imported at the first call is not counted
    tracemalloc.start()
    read_headers(path)
    headers = tracemalloc.get_traced_memory()[1]
    read_frame(path, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert headers < images[0].data.nbytes / 2
    assert peak < 4 * images[0].data.nbytes


def test_a_bad_ccd_costs_only_itself(tmp_path):
    path = write_mosaic(tmp_path / "F1-1.fits")
    with fits.open(path, mode="update") as hdus:
        hdus[2].data[:] = 0
    with pytest.raises(InputError, match=r"F1-1\.fits\[2\]: every pixel is 0"):
        read_frame(path, 2)
    assert read_frame(path, 3).info.ccd == "CCD3"


def test_a_cut_mosaic_is_named(tmp_path):
    path = write_mosaic(tmp_path / "F1-1.fits")
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(InputError, match=r"F1-1\.fits: is not a readable FITS"):
        read_frame(path, 3)
    packed = write_mosaic(tmp_path / "F1-2.fits.gz")
    packed.write_bytes(gzip.compress(gzip.decompress(packed.read_bytes()))[:-9000])
    for read in (read_headers, lambda path: read_frame(path, 1)):
        with pytest.raises(InputError, match=r"F1-2\.fits\.gz: .*expected a whole FITS"):
            read(packed)


def test_a_size_that_no_file_holds_is_refused(tmp_path):
    path = write_mosaic(tmp_path / "F1-1.fits.fz", compressed=True)
    with fits.open(path, mode="update", disable_image_compression=True) as hdus:
        hdus[2].header["ZNAXIS1"] = hdus[2].header["ZNAXIS2"] = 200_000
    with pytest.raises(InputError, match=r"F1-1\.fits\.fz\[2\]: its header says 200000x200000 pixels, more than"):
        read_frame(path, 2)
    assert read_frame(path, 1).info.shape == SHAPE


def test_no_ccd_is_left_out_silently(tmp_path):
    path = write_mosaic(tmp_path / "F1-1.fits")
    content = path.read_bytes()
    start = content.index(b"XTENSION", content.index(b"XTENSION") + 8)
    path.write_bytes(content[:start] + content[start:].replace(b"BITPIX  =", b"BITPIX  ?", 1))
    with pytest.raises(InputError, match=r"F1-1\.fits: .*(extension 2|readable)"):
        read_headers(path)
    path.write_bytes(content + b" " * 5000)
    assert len(read_headers(path)) == 3


@pytest.mark.parametrize(
    ("cards", "names", "ccds"),
    [
        ([{"CCDNAME": f"A{n}"} for n in range(3)], ["IM1", "IM2", "IM3"], ["A0", "A1", "A2"]),
        ([{"DETECTOR": "all"}] * 3, ["IM1", "IM2", "IM3"], ["IM1", "IM2", "IM3"]),
        ([{}] * 3, ["SCI", "SCI", "SCI"], ["1", "2", "3"]),
        ([{"CCDNAME": "A"}, {}, {"CCDNAME": "B"}], ["", "", ""], ["1", "2", "3"]),
    ],
)
def test_ccds_have_different_names(tmp_path, cards, names, ccds):
    images = [fits.ImageHDU(pixels(n), fits.Header(cards[n]), name=names[n] or None, ver=n + 1) for n in range(3)]
    fits.HDUList([fits.PrimaryHDU(header=primary_header()), *images]).writeto(tmp_path / "m.fits")
    assert [head.info.ccd for head in read_headers(tmp_path / "m.fits")] == ccds


def test_coordinates_are_not_shared(tmp_path):
    images = [fits.ImageHDU(pixels(n), ccd_header(n) if n else None) for n in range(2)]
    primary = fits.PrimaryHDU(header=make_wcs((50, 50)).to_header())
    primary.header["PV1_1"] = 3.0
    fits.HDUList([primary, *images]).writeto(tmp_path / "two.fits")
    without, own = read_headers(tmp_path / "two.fits")
    assert without.wcs is None
    np.testing.assert_allclose(own.wcs.all_pix2world([[5, 6]], 1), make_wcs().all_pix2world([[5 + GAP, 6]], 1))
    fits.HDUList([primary, images[0]]).writeto(tmp_path / "one.fits")
    assert read_header(tmp_path / "one.fits").wcs is not None


def test_an_image_in_the_primary_is_a_ccd_too(tmp_path):
    primary = fits.PrimaryHDU(pixels(0), ccd_header(0))
    fits.HDUList([primary, fits.ImageHDU(pixels(1), ccd_header(1), name="B")]).writeto(tmp_path / "m.fits")
    first, second = (head.info for head in read_headers(tmp_path / "m.fits"))
    assert (first.frame, first.hdu, first.ccd) == ("m[0]", 0, "0")
    assert (second.frame, second.hdu, second.ccd) == ("m[1]", 1, "1")


def test_tables_and_cubes_are_no_ccds(tmp_path):
    more = [
        fits.table_to_hdu(Table({"A": [1.0]})),
        fits.ImageHDU(np.zeros((2, 3, 4)), name="CUBE"),
        fits.ImageHDU(np.zeros(5), name="LINE"),
        fits.ImageHDU(name="NONE"),
    ]
    assert [head.info.ccd for head in read_headers(write_mosaic(tmp_path / "m.fits", maps=more))] == [
        "CCD1",
        "CCD2",
        "CCD3",
    ]


def test_ccds_are_grouped_each_with_its_own(tmp_path):
    paths = [write_mosaic(tmp_path / f"F1-{n + 1}.fits", n) for n in range(3)]
    infos = [head.info for path in paths for head in read_headers(path)]
    groups = group_exposures(infos)
    assert [{info.ccd for info in group} for group in groups] == [{"CCD1"}, {"CCD2"}, {"CCD3"}]
    assert [[info.path for info in group] for group in groups] == [paths] * 3
    with pytest.raises(InputError, match=r"F1-1\.fits\[1\]: has the field, CCD and time of .*F1-1\.fits\[1\]"):
        group_exposures([infos[0], infos[0]])


@pytest.mark.parametrize("format", ["FITS_LDAC", "ASCII_HEAD"])
def test_from_mosaics_to_stamps(tmp_path, format):
    for number in range(4):
        write_mosaic(tmp_path / "night" / f"F1-{number + 1}.fits", number)
    assert len(detect_frames([tmp_path / "night"], format=format)) == 4
    lines = ["designation,mjd,ra,dec,magnitude,rate,position_angle,validated"]
    for number in range(4):
        x, y = place("A1", number)
        ra, dec = make_wcs(DITHERS[number]).all_pix2world([(x + GAP, y)], 1)[0]
        lines.append(f"A1,{START + number * STEP:.8f},{ra:.7f},{dec:.7f},20.5,{RATE},80.0,1")
    (tmp_path / "truth.csv").write_text("\n".join(lines) + "\n")
    tables, counts = zip(*survey_tables([tmp_path], read_truth(tmp_path / "truth.csv"), Rules()), strict=True)
    assert [set(table["ccd"]) for table in tables] == [{"CCD1"}, {"CCD2"}, {"CCD3"}]
    assert [(table["label"] == 1).sum() for table in tables] == [0, 4, 0]
    total = sum(counts[1:], counts[0])
    assert (total["frames"], total["files"], total["validated"]) == (12, 8, 4)
    asteroid = tables[1][tables[1]["label"] == 1][0]
    assert asteroid["source"] == "night/F1-1.fits[2]"
    assert asteroid["frame"] == "F1-1[2]"
    read = read_detections(read_header(tmp_path / "night/F1-1.fits", 2))
    assert read.column("NUMBER") is not None
    assert asteroid["row"] - 1 in read.rows
    index = list(read.rows).index(asteroid["row"] - 1)
    np.testing.assert_allclose((read.x[index], read.y[index]), (asteroid["x"], asteroid["y"]))
    np.testing.assert_allclose((read.x[index], read.y[index]), place("A1", 0), atol=0.2)
    assert len(ASTEROIDS) == 2  # the other is in every CCD and in no truth table


def test_errors_of_a_catalogue_name_file_and_ccd(tmp_path):
    path = write_mosaic(tmp_path / "F1-1.fits")
    header = read_header(path, 1).header
    good = Table({"X_IMAGE": [10.0, 50.0], "Y_IMAGE": [20.0, 60.0]})
    outside = Table({"X_IMAGE": [1000.0, 5000.0], "Y_IMAGE": [20.0, 60.0]})
    write_tables([(good, header), (outside, header), (good, header)], tmp_path / "F1-1.cat", "ASCII_HEAD")
    infos = [head.info for head in read_headers(path)]
    assert len(read_detections(infos[0]).x) == 2
    with pytest.raises(InputError, match=r"F1-1\.cat: 2 of its 2 positions are outside the frame .*F1-1\.fits\[2\]"):
        read_detections(infos[1])
    shifted = read_detections(infos[2])
    np.testing.assert_allclose(shifted.ra, shifted.wcs.all_pix2world(shifted.x, shifted.y, 1)[0])
    assert shifted.rows.tolist() == [4, 5]
    assert infos[0].shape == SHAPE
    assert len(infos) == CCDS
