"""The rule for stationary detections: what it costs asteroids and what it leaves of the rest, beside that of before.

python -m benchmarks.stationary --night NIGHT --positions positions.npz

Simulated fields are catalogues of positions, not frames: stars of all magnitudes around the limit, measured with errors
and found with the completeness of their magnitude, and noise that is seen once. NIGHT is a folder of frames with their
catalogues, and POSITIONS the detections of many exposures of one field; each part is left out where it is not given.
The rule of before called stationary what any two exposures show within the radius, however near in time.
"""

from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from astropy.table import Table

from benchmarks.machine import command_line, write_result
from benchmarks.position_fields import detections, simulated
from ceres_fast.catalogues.detections import Detections, read_detections
from ceres_fast.console import say
from ceres_fast.frames.exposures import group_exposures
from ceres_fast.frames.info import FrameInfo
from ceres_fast.frames.reading import find_frames, read_headers
from ceres_fast.selection.by_chance import needed_by_chance
from ceres_fast.selection.neighbours import pairs_within
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import Comparison
from ceres_fast.selection.track_cost import rate_edges, track_cost, tracks_of
from ceres_fast.synthetic.inject import inject_frames

CADENCES = {
    "pair in 15 min": (0, 15),
    "four in 45 min": (0, 15, 30, 45),
    "four in 8 min": tuple(8 / 3 * number for number in range(4)),
    "20 in 80 min": tuple(80 / 19 * number for number in range(20)),
}
"""Minutes of the exposures."""

DENSITIES = (300, 3_000, 10_000)
"""Detections of a CCD."""

INJECTED = (0.15, 0.24, 0.36, 0.56, 1.0, 2.0)
"""Edges (arcsec/min) of the rates of asteroids that are put into real frames."""

MATCHED = 2.0
"""Pixels within which a detection is the asteroid that was put there."""


def before(comparison: Comparison, places: list[np.ndarray], own: list[np.ndarray] | None = None) -> list[np.ndarray]:
    """Return what the rule of before calls stationary: seen in any other exposure (own: the asteroid itself)."""
    masks = []
    for e, each in enumerate(places):
        shown = comparison.shown(e, each)
        if own is not None:
            shown |= own[e]
        shown[:, e] = False
        masks.append(shown.any(axis=1))
    return masks


def lost(comparison: Comparison, needs: int, counts: Counter[str]) -> None:
    """Count synthetic asteroids by rate, and those left in too few exposures by both rules."""
    rates, places, own = tracks_of(comparison)
    inside = np.isfinite(np.stack(places, axis=1)[..., 0])
    rules = {"now": comparison.apply(places, own).stays, "before": before(comparison, places, own)}
    for low, high in pairwise(rate_edges(comparison.rules.slowest)):
        asked = (inside.sum(axis=1) >= needs) & (rates >= low) & (rates < high)
        name = f"{low:g}-{high:g}"
        counts[f"{name} tracks"] += int(asked.sum())
        for rule, masks in rules.items():
            left = (inside & ~np.stack(masks, axis=1)).sum(axis=1)
            counts[f"{name} {rule}"] += int((asked & (left < needs)).sum())


def survey(minutes: tuple[float, ...], density: int, dithered: bool, fields: int, slowest: float) -> dict[str, Any]:
    """Return what both rules do in some simulated fields."""
    counts: Counter[str] = Counter()
    needs, seconds, of_tracks = min(3, len(minutes)), [], []
    for seed in range(fields):
        exposures, which = simulated(minutes, density, dithered, seed)
        started = time.perf_counter()
        comparison = Comparison(exposures, Rules(slowest=slowest))
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
        track_cost(comparison)
        of_tracks.append(time.perf_counter() - started)
        old = before(comparison, comparison.plane.places)
        for star, stays, was in zip(which, comparison.found.stays, old, strict=True):
            counts["stars"] += int((star >= 0).sum())
            counts["stars left now"] += int((~stays & (star >= 0)).sum())
            counts["stars left before"] += int((~was & (star >= 0)).sum())
        counts["random places"] += comparison.random.compared
        counts["random by chance"] += comparison.random.by_chance
        lost(comparison, needs, counts)
    rates = [f"{low:g}-{high:g}" for low, high in pairwise(rate_edges(slowest))]
    return {
        "lost_share": {
            rate: {rule: _share(counts[f"{rate} {rule}"], counts[f"{rate} tracks"]) for rule in ("now", "before")}
            | {"tracks": counts[f"{rate} tracks"]}
            for rate in rates
        },
        "stars_left_share": {rule: _share(counts[f"stars left {rule}"], counts["stars"]) for rule in ("now", "before")},
        "random_places_by_chance": _share(counts["random by chance"], counts["random places"]),
        "exposures_needed": comparison.needed.tolist(),
        "compared": bool(comparison.partners.any()),
        "minutes_needed": round(comparison.typical_minutes, 2),
        "seconds": round(float(np.median(seconds)), 3),
        "seconds_of_tracks": round(float(np.median(of_tracks)), 3),
    }


def real_field(path: Path, step: int, slowest: float) -> dict[str, Any]:
    """Return what the rule does in every `step`-th exposure of a real field."""
    data = np.load(path)
    exposures = []
    for e in range(0, len(data["mjd"]), step):
        rows = data["exposure"] == e
        info = FrameInfo(
            Path("f"), "f", "F", mjd=float(data["mjd"][e]), pixel_scale=float(data["pixel_scale"]),
            shape=tuple(data["shape"]),
        )  # fmt: skip
        dec = data["dec0"] + data["ddec_arcsec"][rows] / 3600.0
        ra = data["ra0"] + data["dra_arcsec"][rows] / 3600.0 / np.cos(np.radians(data["dec0"]))
        exposures.append(detections(data["x"][rows].astype(float), data["y"][rows].astype(float), ra, dec, info))
    started = time.perf_counter()
    comparison = Comparison(exposures, Rules(slowest=slowest))
    seconds = time.perf_counter() - started
    random = np.random.default_rng(1)  # other places than those by which the rule chooses
    places = [
        np.empty((0, 2))
        if each is None
        else each.places(random.uniform(each.low, each.high, (60_000 // len(exposures), 2)))
        for each in comparison.plane.footprints
    ]
    nowhere = [np.zeros((len(each), len(exposures)), bool) for each in places]
    applied = comparison.apply(places, nowhere)
    source = [_on_source(comparison, e, each) for e, each in enumerate(places)]
    there = [_on_source(comparison, e, each) for e, each in enumerate(comparison.plane.places)]
    stays, compared, at_source = map(np.concatenate, (applied.stays, applied.compared, source))
    now, known, persistent = map(np.concatenate, (comparison.found.stays, comparison.found.compared, there))
    return {
        "exposures": len(exposures),
        "detections": len(now),
        "stationary": int(now.sum()),
        "stationary_before": int(sum(mask.sum() for mask in before(comparison, comparison.plane.places))),
        "not_compared": int((~known).sum()),
        "random_places_off_sources_stationary": _share((stays & ~at_source).sum(), compared.sum()),
        "random_places_off_sources_stationary_before": _share(
            sum((mask & ~s).sum() for mask, s in zip(before(comparison, places), source, strict=True)), compared.sum()
        ),
        "random_places_on_sources": _share((stays & at_source).sum(), compared.sum()),
        "persistent_sources_stationary": _share((now & persistent & known).sum(), (persistent & known).sum()),
        "persistent_sources_stationary_of_all": _share((now & persistent).sum(), persistent.sum()),
        "near_exposures_counted_once": counted_once(comparison, places, source, there),
        "minutes_needed": round(comparison.typical_minutes, 1),
        "seconds": round(seconds, 2),
    }


def counted_once(
    comparison: Comparison, places: list[np.ndarray], source: list[np.ndarray], there: list[np.ndarray]
) -> dict[str, Any]:
    """Return the same shares where exposures nearer to each other than is needed to be compared count once.

    A place is then occupied as often as the most exposures that are all far enough apart, of those that show something;
    the smallest number that is rare enough at random places is asked for, else all.
    """
    random, detections = (
        [_once(comparison, e, each) for e, each in enumerate(which)] for which in (places, comparison.plane.places)
    )
    number, most = (np.concatenate([each[part] for each in random]) for part in (0, 1))
    off = ~np.concatenate(source)
    needed = needed_by_chance([(number[off], most[off])], len(places), comparison.rules.chance)
    seen, of = (np.concatenate([each[part] for each in detections]) for part in (0, 1))
    flagged, persistent = (of > 0) & (seen >= needed[of]), np.concatenate(there) & (of > 0)
    return {
        "random_places_off_sources_stationary": _share(
            ((number >= needed[most]) & (most > 0) & off).sum(), len(number)
        ),
        "persistent_sources_stationary": _share((flagged & persistent).sum(), persistent.sum()),
    }


def _once(comparison: Comparison, e: int, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return in how many independent exposures something is seen at places, and in how many at most: (n,) int."""
    shown = comparison.shown(e, places) & comparison.partners[e]
    order = np.argsort(comparison.minutes)
    counts = []
    for mask in (shown, (comparison.looked(places) & comparison.partners[e]) | shown):
        number, last = np.zeros(len(places), int), np.full(len(places), -np.inf)
        for other in order:
            takes = mask[:, other] & (comparison.minutes[other] - last >= comparison.minutes_needed[e, other])
            number, last = number + takes, np.where(takes, comparison.minutes[other], last)
        counts.append(number)
    return counts[0], counts[1]


def _on_source(comparison: Comparison, e: int, places: np.ndarray) -> np.ndarray:
    """Tell at which places most of the exposures that looked show something."""
    shown = comparison.shown(e, places)
    return 2 * shown.sum(axis=1) > (comparison.looked(places) | shown).sum(axis=1)


def real_night(folder: Path, slowest: float) -> dict[str, Any]:
    """Return how many detections of a real night both rules leave, by exposure."""
    infos = [head.info for frame in find_frames([folder]) for head in read_headers(frame)]
    result = {}
    for group in group_exposures(infos):
        exposures = [read_detections(info) for info in group]
        comparison = Comparison(exposures, Rules(slowest=slowest))
        result[group[0].field] = {
            "exposures": len(group),
            "detections": [len(each.x) for each in exposures],
            "left": [int((~mask).sum()) for mask in comparison.found.stays],
            "left_before": [int((~mask).sum()) for mask in before(comparison, comparison.plane.places)],
            "minutes_needed": round(comparison.typical_minutes, 1),
            "random_places_by_chance": round(comparison.random.chance, 5),
        }
    return result


def injected(night: Path, seeds: int) -> dict[str, Any]:
    """Return what both rules call stationary of asteroids that are put into real frames, by rate."""
    counts: Counter[str] = Counter()
    for seed in range(seeds):
        with TemporaryDirectory() as folder:
            out = Path(folder) / "injected"
            inject_frames([night], out, number_per_field=8, rate=INJECTED[0::5], seed=seed, on_error="skip")
            table = Table.read(out / "injected.csv")
            infos = [head.info for frame in find_frames([out]) for head in read_headers(frame)]
            for group in group_exposures(infos):
                _count_injected([read_detections(info) for info in group], out, table, counts)
    return {
        f"{low:g}-{high:g}": {
            "detected": counts[f"{low:g} detected"],
            "stationary": counts[f"{low:g} now"],
            "stationary_before": counts[f"{low:g} before"],
        }
        for low, high in pairwise(INJECTED)
    }


def _count_injected(exposures: list[Detections], out: Path, table: Table, counts: Counter[str]) -> None:
    comparison = Comparison(exposures, Rules())
    old = before(comparison, comparison.plane.places)
    for exposure, stays, was in zip(exposures, comparison.found.stays, old, strict=True):
        here = table["frame"] == exposure.info.path.relative_to(out).as_posix()
        rows = table[here & (table["detected"] == 1)]
        places = np.stack([rows["x"], rows["y"]], axis=1)
        i, j, distance = pairs_within(places, np.stack([exposure.x, exposure.y], axis=1), MATCHED)
        for row in np.unique(i):
            nearest = j[i == row][np.argmin(distance[i == row])]
            low = max(edge for edge in INJECTED if edge <= rows["rate"][row])
            counts.update({f"{low:g} detected": 1, f"{low:g} now": int(stays[nearest])})
            counts.update({f"{low:g} before": int(was[nearest])})


def _share(part: float, whole: float) -> float | None:
    return round(float(part) / float(whole), 5) if whole else None


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("--night", type=Path, help="folder of real frames with their catalogues")
    parser.add_argument("--positions", type=Path, help="positions of the detections of many exposures (.npz)")
    parser.add_argument("--fields", type=int, default=10, help="simulated fields of each kind (default: %(default)s)")
    parser.add_argument("--slowest", type=float, default=Rules.slowest, help="arcsec/min (default: %(default)s)")
    given = parser.parse_args()
    result: dict[str, Any] = {"slowest_arcsec_per_min": given.slowest, "seeds": list(range(given.fields))}
    if given.night:
        result["real_night"] = real_night(given.night, given.slowest)
        result["injected_into_real_night"] = injected(given.night, given.fields)
    if given.positions:
        steps = {1: "all", 4: "every 4th", 16: "every 16th"}
        result["real_field"] = {name: real_field(given.positions, step, given.slowest) for step, name in steps.items()}
    simulations: dict[str, Any] = {}
    for cadence, minutes in CADENCES.items():
        for density in DENSITIES:
            for dithered in (False, True):
                name = f"{cadence}, {density:,} a CCD, {'dithered' if dithered else 'not dithered'}"
                simulations[name] = survey(minutes, density, dithered, given.fields, given.slowest)
                say(f"{name}: {simulations[name]}")
    fast = 3 * given.slowest
    name = f"four in 8 min, 3,000 a CCD, dithered, --slowest {fast:g}"
    simulations[name] = survey(CADENCES["four in 8 min"], 3_000, True, given.fields, fast)
    result["simulated"] = simulations
    write_result(given.output, result)


if __name__ == "__main__":
    main()
