"""How exposures lie to each other: places, the pixels around them, and what moves out of an aperture."""

from __future__ import annotations

import numpy as np
import pytest

from tests.selection.others.painted import Night, Shot, plane_to_sky, stars


def night(**there: float) -> Night:
    return Night([Shot(0), Shot(30, dither=(3.3, -1.2), **there)], stars())  # type: ignore[arg-type]


@pytest.mark.parametrize("there", [{}, {"turned": 40.0}, {"scale": 0.35}, {"sip": 1e-4}])
def test_pixels_of_one_exposure_are_those_of_the_other(there: dict[str, float]) -> None:
    made = night(**there)
    (linked,) = made.others().links(0)
    sky = plane_to_sky(np.array([[3.0, 4.0], [-20.0, 11.0], [15.0, -22.0]]))
    here, true = (each.coordinates().all_world2pix(*sky, 1) for each in made.shots)
    np.testing.assert_allclose(linked.link.pixels(*here), true, atol=0.05)


@pytest.mark.parametrize("there", [{}, {"turned": 40.0}, {"scale": 0.35}])
def test_the_pixels_around_a_place_are_regular(there: dict[str, float]) -> None:
    made = night(**there)
    link = made.others().links(0)[0].link
    x, y = np.array([50.0, 120.0]), np.array([80.0, 60.0])
    offsets = np.array([-5.0, 0.0, 7.0])
    columns, rows, area = link.grid(x, y, offsets)
    assert columns.shape == rows.shape == (2, 3, 3)
    each = link.pixels(x + offsets[2], y + offsets[0])
    np.testing.assert_allclose([columns[:, 0, 2], rows[:, 0, 2]], each, atol=0.01)
    assert area == pytest.approx((0.5 / there.get("scale", 0.5)) ** 2, rel=1e-3)


def test_what_a_source_leaves_when_it_moves() -> None:
    link = night().others().links(0)[0].link
    share = link.left(np.array([0.0, 0.9 * 1.5, 3 * 1.5, np.inf, np.nan]), 1.5)
    assert share.tolist() == pytest.approx([1, 0.2, 0, 0, 0], abs=0.01)
    # Of a sharper image less is left.
    assert link.left(np.array([0.9 * 1.5]), 1.0)[0] < 0.1


def test_how_an_exposure_lies_to_another_is_the_same_both_ways() -> None:
    others = night(factor=4.0).others()
    there, back = others.links(0)[0].link, others.links(1)[0].link
    x, y = np.array([30.0, 150.0]), np.array([120.0, 40.0])
    np.testing.assert_allclose(back.pixels(*there.pixels(x, y)), (x, y), atol=0.02)
    assert there.scale * back.scale == pytest.approx(1, abs=0.01)
    assert there.scale == pytest.approx(0.25, rel=0.02)


def test_stars_that_all_are_on_a_line_or_in_a_corner_do() -> None:
    """Nothing is turned or stretched by them where they do not say how."""
    line = np.column_stack([np.linspace(-40, 40, 21), np.zeros(21), np.full(21, 1e4)])
    corner = np.array([[-40.0 + 5 * i, -40.0 + 5 * j, 1e4] for i in range(3) for j in range(3)])
    dense = np.column_stack([np.linspace(-45, 45, 40), np.zeros(40), np.full(40, 1e4)])
    for sky in (line, corner, dense):
        made = Night([Shot(0, scale=0.5, seeing=1.2), Shot(30, seeing=1.2, off=(0.5, 0.4))], sky)
        (linked,) = made.others().links(0)
        x, y = np.array([20.0, 180.0, 180.0]), np.array([180.0, 180.0, 20.0])
        found = np.stack(linked.link.pixels(x, y))
        assert np.abs(found - [x, y]).max() < 0.3


def test_coordinates_that_are_a_little_turned_and_stretched_are_put_right() -> None:
    made = night()
    wrong = made.exposures[1].wcs
    assert wrong is not None
    wrong.wcs.cd = wrong.wcs.cd @ [[1.003, 0.004], [-0.004, 1.002]]
    wrong.wcs.set()
    sky = plane_to_sky(np.array([[30.0, 34.0], [-40.0, -21.0]]))
    here, true = (each.coordinates().all_world2pix(*sky, 1) for each in made.shots)
    assert np.abs(np.subtract(wrong.all_world2pix(*sky, 1), true)).max() > 0.3
    np.testing.assert_allclose(made.others().links(0)[0].link.pixels(*here), true, atol=0.06)
