"""What the rule costs is measured by synthetic asteroids."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from ceres_fast.selection.track_cost import FASTEST, LEAST_TRACKS, PLACES, cost_rows, rate_edges, track_cost, tracks_of

from .stationary_fields import DITHERS, FAST, FOUR, LONG, PAIR, compare, exposure, survey

SHAPE = (1000, 1000)


def shares(comparison, needs=3):
    """Return the share that is lost by rate, from the slowest."""
    _, rows = cost_rows(track_cost(comparison, needs))
    assert all(number > 0 for _, _, number, _ in rows)
    assert {asked for _, asked, _, _ in rows} == {str(min(needs, len(comparison.minutes)))}
    return [0.0 if share.startswith("<") else float(share.rstrip("%")) / 100 for *_, share in rows]


@pytest.mark.parametrize("minutes", [PAIR, FOUR, LONG], ids=["pair", "four", "long"])
def test_nothing_is_lost_where_nothing_is_dense(minutes):
    stars = np.random.default_rng(1).uniform(1, 4000, (5, 2))
    found = shares(compare(*[exposure(stars, t, at) for t, at in zip(minutes, DITHERS * 4, strict=False)]))
    assert len(found) == 7
    assert max(found) < 0.005


def test_what_is_lost_rises_with_density():
    found = [np.mean(shares(compare(*survey(PAIR, n, shape=SHAPE).exposures))) for n in (50, 500, 2000, 6000)]
    assert found == sorted(set(found))
    assert found[0] < 0.01
    assert found[-1] > 0.15


def test_it_is_about_the_share_of_places_that_are_taken():
    comparison = compare(*survey(PAIR, 3000, shape=SHAPE).exposures)
    taken = (comparison.random.by_chance + comparison.random.on_sources) / comparison.random.compared
    assert np.mean(shares(comparison)) == pytest.approx(1 - (1 - taken) ** 2, rel=0.15)


def test_more_exposures_needed_cost_more():
    comparison = compare(*survey(FOUR, 3000, shape=SHAPE).exposures)
    found = [np.mean(shares(comparison, needs)) for needs in (1, 2, 3, 4)]
    assert found == sorted(set(found))
    assert shares(comparison, 4) == shares(comparison, 9)


def test_asteroids_at_the_slowest_rate_are_kept_and_far_slower_ones_are_lost():
    comparison = compare(*survey(FOUR, 100).exposures)
    spot = np.array([50.0, 60.0])
    for rate, lost in ((0.1, False), (0.11, False), (0.02, True)):
        places = [spot + np.array([[rate * t, 0]]) for t in FOUR]
        all_places = np.array(places)[:, 0]
        own = [np.hypot(*(all_places - place).T)[None] <= comparison.radii[e] for e, place in enumerate(places)]
        assert [mask[0] for mask in comparison.apply(places, own).stays] == [lost] * 4


def test_an_asteroid_that_is_not_seen_is_not_stationary():
    comparison = compare(*survey(FOUR, 100).exposures)
    nowhere = [np.full((3, 2), np.nan)] * 4
    judged = comparison.apply(nowhere, [np.zeros((3, 4), bool)] * 4)
    assert not np.concatenate(judged.stays).any()
    assert not np.concatenate(judged.compared).any()


def test_the_numbers_are_the_same_in_every_run():
    field = survey(FOUR, 1000, shape=SHAPE, pointings=DITHERS)
    assert track_cost(compare(*field.exposures)) == track_cost(compare(*field.exposures))


@pytest.mark.parametrize("slowest", [0.1, 0.3, 7.0, 10.0, 30.0])
def test_rates_are_doubled_from_the_slowest_to_the_fastest(slowest):
    edges = rate_edges(slowest)
    assert edges[0] == slowest
    assert edges[-1] == max(FASTEST, 2 * slowest)
    assert all(1 < high / low < 4 for low, high in pairwise(edges))


def test_tracks_have_the_rates_and_directions_that_are_stated():
    comparison = compare(*survey(FOUR, 50).exposures)
    rules = comparison.rules
    stated, places, own = tracks_of(comparison)
    assert all(each.shape == (len(stated), 2) for each in places)
    both = np.isfinite(places[0][:, 0]) & np.isfinite(places[3][:, 0])
    moved = (places[3] - places[0]) / 45
    assert np.abs(np.hypot(*moved.T) - stated)[both].max() < 4 * rules.position_error * 1.2 / 2 / 45
    for low, high in pairwise(rate_edges(rules.slowest)):
        chosen = (stated >= low) & (stated <= high)
        assert chosen.sum() == pytest.approx(len(stated) / 7, abs=1)
        if (chosen & both).sum() > 100:
            assert np.abs(moved[chosen & both].mean(axis=0)).max() < high / 5
    for e, shown in enumerate(own):
        assert shown.shape == (len(stated), 4)
        assert (shown[:, e] == np.isfinite(places[e][:, 0])).all()


@pytest.mark.parametrize("number", [2, 20, 100])
def test_there_are_enough_tracks_however_many_exposures(number):
    comparison = compare(*[exposure([(5, 5)], 15 * n) for n in range(number)])
    stated, places, _ = tracks_of(comparison)
    assert len(places) == number
    assert len(stated) >= 7 * LEAST_TRACKS
    assert len(stated) * number <= max(PLACES, 7 * LEAST_TRACKS * number)


@pytest.mark.parametrize(("minutes", "needs", "asked"), [(PAIR, 3, 2), (PAIR, 1, 1), (FOUR, 3, 3), (FOUR, 9, 4)])
def test_counts_are_called_by_the_number_that_is_asked_for(minutes, needs, asked):
    counts = track_cost(compare(*survey(minutes, 50).exposures), needs)
    first = f"synthetic tracks at 0.1-0.2 arcsec/min, {asked} exposures needed"
    assert next(iter(counts)) == first
    assert 0 <= counts[f"{first}: lost"] <= counts[first]
    assert all(f", {asked} exposures needed" in name for name in counts)
    assert len(counts) == 14


def test_where_no_two_exposures_are_compared_nothing_is_counted():
    assert track_cost(compare(*survey(FAST, 100).exposures)) == Counter()
    assert cost_rows(Counter())[1] == []


def test_exposures_without_detections_are_not_asked_for():
    pair = survey(PAIR, 50).exposures
    counts = track_cost(compare(*pair, exposure([], 30)))
    assert counts.keys() == track_cost(compare(*pair)).keys()
    assert counts["synthetic tracks at 0.1-0.2 arcsec/min, 2 exposures needed"] > 1000


def test_without_a_place_there_are_no_tracks():
    comparison = compare(*[exposure([(5, 5)], t, with_wcs=False) for t in FOUR])
    assert comparison.plane.footprints == [None] * 4
    assert cost_rows(track_cost(comparison))[1] == []


def test_the_table_of_a_sum_names_rates_that_lose_nothing():
    sparse = track_cost(compare(*survey(FOUR, 5).exposures))
    heading, rows = cost_rows(Counter() + sparse + sparse)
    assert heading == ("arcsec/min", "exposures needed", "synthetic tracks", "left in fewer")
    assert [rate for rate, *_ in rows] == [f"{a:g}-{b:g}" for a, b in pairwise(rate_edges(0.1))]
    assert rows[2][1] == "3"
    assert rows[2][2] == 2 * cost_rows(sparse)[1][2][2]
    assert rows[2][3] == f"< {3 / rows[2][2]:.2%}"


def test_fields_of_few_and_of_many_exposures_have_rows_of_their_own():
    pair, four = (track_cost(compare(*survey(minutes, 50).exposures), 9) for minutes in (PAIR, FOUR))
    many = Counter({"synthetic tracks at 0.1-0.2 arcsec/min, 10 exposures needed": 15_000})
    _, rows = cost_rows(many + four + pair)
    rates = [f"{a:g}-{b:g}" for a, b in pairwise(rate_edges(0.1))]
    assert [row[:2] for row in rows] == [(rate, asked) for asked in "24" for rate in rates] + [("0.1-0.2", "10")]
    assert rows[-1][2:] == (15_000, "< 0.02%")


@pytest.mark.parametrize(
    ("lost", "tracks", "share"),
    [(0, 15_000, "< 0.02%"), (0, 300, "< 1.00%"), (0, 2, "< 100.00%"), (3, 300, "1.00%"), (7, 7, "100.00%")],
)
def test_where_none_is_lost_a_limit_is_told(lost, tracks, share):
    name = "synthetic tracks at 0.2-0.4 arcsec/min, 3 exposures needed"
    assert cost_rows({name: tracks, f"{name}: lost": lost})[1] == [("0.2-0.4", "3", tracks, share)]
