import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.records.splits.sky import LEAST_UNKNOWN_SCALE, cut_outs, join_overlapping, joined, overlapping_partner

from .some_stamps import places

SCALES = [0.2, 0.333, 1.01, 2.0, np.nan]


def cuts_of(ra, dec, scale=1.0):
    count = len(ra)
    return cut_outs(places(count, ra=ra, dec=dec, pixel_scale=np.broadcast_to(scale, count).astype(float)))


def components(cuts):
    return join_overlapping(np.arange(len(cuts.stamps)), cuts)


def apart_and_reach(cuts):
    """Return angles between all pairs and the sums of their radii, radians, (n, n)."""
    chord = np.linalg.norm(cuts.toward[:, None] - cuts.toward, axis=2)
    return 2 * np.arcsin(np.minimum(chord / 2, 1)), cuts.radius[:, None] + cuts.radius


@pytest.mark.parametrize("dec", [0.0, 60.0, -89.9999])
def test_overlap_holds_across_the_meridian_and_at_the_pole(dec):
    cuts = cuts_of([359.9999, 0.0001], [dec, dec])
    assert len(set(components(cuts))) == 1


def test_a_stamp_without_position_overlaps_nothing():
    cuts = cuts_of([1.0, np.nan, 1.0, np.inf], [1.0, 1.0, np.nan, 2.0])
    assert cuts.stamps.tolist() == [0]


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, 1e-30, 1e30])
def test_strange_pixel_scales_do_no_harm(scale):
    cuts = cuts_of([1.0, 1.0, 1.0], [0.0, 5 / 3600, 80.0], [0.3, scale, 0.3])
    assert np.isfinite(cuts.radius).all()
    assert components(cuts)[0] == components(cuts)[1]


def test_an_unknown_scale_is_the_largest_known_one_or_that_of_ztf():
    assert cuts_of([1, 2], [1, 1], [3.0, np.nan]).radius[1] == cuts_of([1], [1], 3.0).radius[0]
    assert cuts_of([1, 2], [1, 1], [0.3, np.nan]).radius[1] == cuts_of([1], [1], LEAST_UNKNOWN_SCALE).radius[0]


STAMPS = st.lists(
    st.tuples(st.integers(-120, 120), st.integers(-120, 120), st.sampled_from(SCALES)), min_size=1, max_size=40
)


@given(STAMPS, st.sampled_from([0.0, 45.0, 89.99, -90.0]), st.sampled_from([0.0, 180.0, 359.999]))
def test_every_overlapping_pair_is_joined_and_found(stamps, dec, ra):
    x, y, scale = map(np.array, zip(*stamps, strict=True))
    cuts = cuts_of((ra + x / 3600) % 360, np.clip(dec + y / 3600, -90, 90), scale)
    component = components(cuts)
    apart, reach = apart_and_reach(cuts)
    overlap = apart < reach - 1e-9
    assert (component[:, None] == component)[overlap].all()
    others = cuts[np.arange(0, len(x), 2)]
    partner = overlapping_partner(cuts, others)
    assert ((partner >= 0) == overlap[:, ::2].any(axis=1)).all()
    found = np.flatnonzero(partner >= 0)
    assert (apart[found, 2 * partner[found]] < reach[found, 2 * partner[found]] + 1e-9).all()


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60, unique=True), st.sampled_from([0.3, 1.0]))
def test_a_link_too_many_is_never_more_than_a_cell_away(places_along, scale):
    """Points on a line: gaps wider than a cut-out and two cells are never bridged."""
    dec = np.sort(places_along) / 3600
    cuts = cuts_of(np.full(len(dec), 10.0), dec, scale)
    gaps = np.diff(dec) * 3600
    diameter = 2 * np.degrees(cuts.radius[0]) * 3600
    component = components(cuts)
    split = component[1:] != component[:-1]
    assert not split[gaps < diameter * 0.999].any()
    # A box is smaller than the gap it could bridge, and touches no farther than its own stamps.
    assert split[gaps > diameter * 1.001].all()


def test_single_stamps_are_joined_exactly_by_their_distance():
    diameter = 34 * np.sqrt(2)
    for factor, joined_ in ((0.999, True), (1.001, False)):
        cuts = cuts_of([10.0, 10.0], [0.0, diameter * factor / 3600])
        assert (len(set(components(cuts))) == 1) is joined_


def test_joining_keeps_what_was_joined():
    component = joined(np.arange(5), np.array([0, 3]), np.array([1, 4]))
    assert (component[0] == component[1], component[3] == component[4]) == (True, True)
    assert len(set(component)) == 3
    assert len(set(joined(component, np.array([1]), np.array([4])))) == 2


def test_more_cells_than_one_portion(monkeypatch):
    random = np.random.default_rng(0)
    cuts = cuts_of(random.uniform(0, 1, 500), random.uniform(0, 1, 500), 0.5)
    whole = components(cuts)
    monkeypatch.setattr("ceres_fast.records.splits.sky._AT_ONCE", 7)
    np.testing.assert_array_equal(components(cuts), whole)
    assert 1 < len(set(whole)) < 500
