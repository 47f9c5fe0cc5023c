"""Telling the images of CCDs from maps by their names."""

import pytest

from ceres_fast.frames.ccd_images import kind_of_extension, kind_of_file


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
        ("SCI", None, "sci"),
        ("MASKED", None, "masked"),
        ("im_2", None, "im_2"),
        ("", None, ""),
    ],
)
def test_names_of_maps(name, kind, rest):
    assert kind_of_extension(name) == (kind, rest)


def test_names_of_files():
    assert [kind_of_file(stem) for stem in ("F1-1.weight", "F1_MASK", "weight.F1", "F1-1", "mask1")] == [
        "weight",
        "mask",
        None,
        None,
        None,
    ]
