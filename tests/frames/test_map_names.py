"""By what names maps are known, and whose they are."""

from typing import get_args

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError
from ceres_fast.frames.camera import Camera, Kind
from ceres_fast.frames.map_names import KINDS, kind_of_extension, kind_of_file, map_names, maps_of
from ceres_fast.frames.reading import find_frames, list_frames

from ..tiny_field import make_header, make_image

WORDS = [word for words in KINDS.values() for word in words.split()]
NIGHT = "c4d_190928_230000"


def test_every_kind_has_words_but_the_picture():
    assert {*KINDS, "image"} == set(get_args(Kind))
    assert len(WORDS) == len(set(WORDS))


@pytest.mark.parametrize(
    ("name", "kind", "rest"),
    [
        ("WEIGHT", "weight", ""),
        ("MASK_2", "mask", "2"),
        ("BPM3", "bad", "3"),
        ("CCD1_MASK", "mask", "ccd1"),
        ("mask-ccd1", "mask", "ccd1"),
        ("DQ", "mask", ""),
        ("S1.IVM", "weight", "s1"),
        ("VAR", "other", ""),
        ("VAR_POISSON", "other", "poisson"),
        ("SAMP", "other", ""),
        ("TIME", "other", ""),
        ("CON", "other", ""),
        ("PSFIMAGE", "other", ""),
        ("OBJMASK", "other", ""),
        ("SCI", None, "sci"),
        ("MASKED", None, "masked"),
        ("im_2", None, "im_2"),
        ("", None, ""),
    ],
)
def test_names_of_extensions(name, kind, rest):
    assert kind_of_extension(name) == (kind, rest)


@pytest.mark.parametrize(
    ("stem", "kind"),
    [
        ("F1-1.weight", "weight"),
        ("F1_MASK", "mask"),
        ("weight.F1", None),
        ("F1-1", None),
        ("mask1", None),
        ("dq_her-001", None),
        ("M31-sky", None),
        ("field_area", None),
        (f"{NIGHT}_ood_r_v1", "mask"),
        (f"{NIGHT}_OOW_r_v1", "weight"),
        (f"{NIGHT}_ooe_r_v1", "other"),
        ("k4m_160210_083008_opd_zd_ls9", "mask"),
        ("ksb_160211_123455_osw_g_v1.N2", "weight"),
        (f"{NIGHT}_ooi_r_v1", None),
        (f"{NIGHT}_ori", None),
        ("target_ood_r", None),
    ],
)
def test_names_of_files_without_their_frames(stem, kind):
    assert kind_of_file(stem) == kind


PAIRS = {
    "F1": ["F1.weight", "F1_mask", "F1-mask", "F1.WT", "F1_conf", "F1-flag", "F1_bpm", "weight_F1", "mask.F1"],
    "image-F1": ["invvar-F1", "mask-F1"],
    "F1_sci": ["F1_sci_mask", "F1_wht", "F1_mask"],
    "ztf_20190101_000600_zg_c01_o_q1_sciimg": ["ztf_20190101_000600_zg_c01_o_q1_mskimg"],
    "12345b001-w3-int-3": ["12345b001-w3-msk-3", "12345b001-w3-unc-3"],
    "rings.v3.skycell.1.2.wrp.r.1_1": [f"rings.v3.skycell.1.2.wrp.r.1_1.{word}" for word in ("mask", "wt")],
    f"{NIGHT}_ooi_r_v1": [f"{NIGHT}_ood_r_v1", f"{NIGHT}_oow_r_v1"],
    f"{NIGHT}_osi_r_ls9.N2": [f"{NIGHT}_osd_r_ls9.N2"],
    f"{NIGHT}_osj_r_v1": [f"{NIGHT}_osw_r_v1"],
    "MSC_L1_img_1": ["MSC_L1_wht_1", "MSC_L1_flg_1"],
}


@pytest.mark.parametrize("frame", PAIRS)
@pytest.mark.parametrize("suffix", [".fits", ".FITS.fz"])
def test_maps_are_found_beside_their_frame_and_are_no_frames(tmp_path, frame, suffix):
    others = ["F2.fits", "F10.fits", "F1_2.fits", f"{frame}_2.fits", f"{NIGHT}_ooi_g_v1.fits"]
    for name in (f"{frame}.fits", *others, *(stem + suffix for stem in PAIRS[frame])):
        (tmp_path / name).touch()
    path = tmp_path / f"{frame}.fits"
    assert {file.name for file in maps_of(path)} == {stem + suffix for stem in PAIRS[frame]}
    assert all(not maps_of(tmp_path / other) for other in others)
    frames = sorted(tmp_path / name for name in {f"{frame}.fits", *others})
    assert find_frames([tmp_path]) == frames
    assert find_frames(sorted(tmp_path.iterdir())) == frames


@given(st.from_regex(r"[a-z0-9]{1,4}([._-][a-z0-9]{1,4}){0,4}", fullmatch=True), st.sampled_from(WORDS))
def test_a_map_names_its_frame_and_no_map_is_its_own_frame(stem, word):
    assert any(stem in name.frames for name in map_names(f"{stem}_{word}"))
    for name in map_names(stem):
        assert stem not in name.frames


def test_a_file_that_is_named_is_read_though_its_name_is_that_of_a_map(tmp_path):
    path = tmp_path / "night_sky.fits"
    fits.PrimaryHDU(make_image(), make_header()).writeto(path)
    assert find_frames([path]) == [path]
    with pytest.raises(CeresFastError, match=r"no frames found but weight maps and masks \(1\)"):
        find_frames([tmp_path])


def test_a_map_without_its_frame_is_said(tmp_path, capsys):
    for name in ("F1", "F1.weight", "F1_mask"):
        fits.PrimaryHDU(make_image(), make_header()).writeto(tmp_path / f"{name}.fits")
    find_frames([tmp_path])
    assert not capsys.readouterr().err
    for name in ("V838_var", "dark.sky"):
        fits.PrimaryHDU(make_image(), make_header()).writeto(tmp_path / f"{name}.fits")
    assert find_frames([tmp_path]) == find_frames([tmp_path]) == [tmp_path / "F1.fits"]
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("V838_var.fits and 1 more: passed over as a weight map or mask") == 1


def test_a_map_is_known_by_its_header(tmp_path):
    for name, product in (("a", "image"), ("b", "dqmask"), ("c", "wtmap "), ("d", "expmap")):
        header = make_header(PRODTYPE=product)
        fits.PrimaryHDU(make_image(), header).writeto(tmp_path / f"{name}.fits")
    for sources in ([tmp_path], sorted(tmp_path.iterdir())):
        listing = list_frames(sources)
        assert [path.name for path in listing.frames] == ["a.fits"]
        assert set(listing.passed_over.values()) == {"weight maps and masks"}


def test_a_profile_names_the_files_of_maps(tmp_path):
    files = (
        {"frame": "_image", "map": "_quality", "kind": "mask"},
        {"frame": "", "map": "~w", "kind": "weight"},
        {"frame": "", "map": "_sky", "kind": "image"},
    )
    camera = Camera(files=files)
    for name in ("F1_image.fits", "F1_Quality.fits.gz", "F1_image~w.fits", "F2_sky.fits", "F2.fits"):
        (tmp_path / name).touch()
    found = maps_of(tmp_path / "F1_image.fits", camera)
    assert {path.name: kind for path, kind in found.items()} == {
        "F1_Quality.fits.gz": "mask",
        "F1_image~w.fits": "weight",
    }
    assert [path.name for path in find_frames([tmp_path], camera)] == ["F1_image.fits", "F2.fits", "F2_sky.fits"]
    assert maps_of(tmp_path / "F2.fits", camera) == {}
