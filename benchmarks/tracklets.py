"""Tracklets in simulated fields, beside heliolinx on the same catalogues: asteroids found, false ones, seconds.

python -m benchmarks.tracklets --linker FOLDER --night NIGHT

FOLDER is the environment that `tools/linker-oracle FOLDER` makes, NIGHT a folder of frames with catalogues, and
`mpc.txt` beside it says where the asteroid is; what is not given is left out. Fields are of 0.33 square degrees, 4
exposures in 45 min, 60 asteroids, stars that are not found in every exposure, and so many artefacts in each
(`tracklet_fields`). The rule for stationary detections comes first. The filter by scores is assumed, not measured: at
random it leaves 99 % of the asteroids' detections and 10 % of the rest.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import command_line, write_result
from benchmarks.tracklet_fields import ASTEROIDS, MINUTES, SEEING, MovingField, moving_field, moving_of, moving_rows
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.console import say
from ceres_fast.selection.linking import LEAST
from ceres_fast.selection.match import match_known
from ceres_fast.selection.motions import BEND, LEAST_P, fit
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import find_stationary
from ceres_fast.selection.tracklets import Tracklets, find_tracklets
from ceres_fast.selection.tracks import known_at
from ceres_fast.truth import read_truth

ARTEFACTS = (50, 300, 1_000, 3_000)
KEPT = {"asteroid": 0.99, "other": 0.1}
"""Shares of detections that the assumed filter leaves."""

MAXGCR = 0.5
"""arcsec: how far heliolinx lets detections be from a great circle, its own default."""

DISTANCES = (1.0, 0.3, 0.1, 0.05, 0.03, 0.02)
"""au, of asteroids whose paths the turning of the Earth bends."""

BENT_RATES = (0.5, 2.0, 5.0, 10.0)
"""Their rates, arcsec/min."""

UNDERSTATED = (1.0, 1.5, 2.0, 3.0)
"""By what errors of positions are larger than a catalogue says."""

TOOL = Path(__file__).resolve().parents[1] / "tools" / "linker-oracle"


@dataclass(frozen=True)
class Linked:
    """What a linker found in a field.

    Attributes
    ----------
    found : set of int
        Asteroids of which a tracklet has three detections or more.
    false : int
        Tracklets of three detections or more that have fewer than three of one asteroid.
    seconds : float
    """

    found: set[int]
    false: int
    seconds: float


def linkable(field: MovingField, moving: Sequence[np.ndarray]) -> set[int]:
    """Return the asteroids that are left in enough exposures to be linked."""
    counts = Counter(
        number for own, mask in zip(field.asteroid, moving, strict=True) for number in own[mask & (own >= 0)].tolist()
    )
    return {number for number, count in counts.items() if count >= LEAST}


def asteroids_in(field: MovingField, tracklets: Tracklets) -> np.ndarray:
    """Return which asteroid each member is, (k, exposures): -1 for none that is one, -2 where there is no member."""
    columns = [
        np.where(own >= 0, np.append(of, -1)[own], -2)
        for own, of in zip(tracklets.members.T, field.asteroid, strict=True)
    ]
    return np.stack(columns, axis=1)


def most_of_one(asteroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the asteroid that most of each row are, -1 for none, and how many they are."""
    best, number = np.full(len(asteroids), -1), np.zeros(len(asteroids), int)
    for asteroid in np.unique(asteroids[asteroids >= 0]):
        count = (asteroids == asteroid).sum(axis=1)
        best, number = np.where(count > number, asteroid, best), np.maximum(count, number)
    return best, number


def scored(best: np.ndarray, number: np.ndarray, seconds: float) -> Linked:
    """Return what was found, from the asteroid of each tracklet and the number of its detections."""
    return Linked(set(best[number >= LEAST].tolist()), int((number < LEAST).sum()), seconds)


def ours(
    field: MovingField, moving: Sequence[np.ndarray], stationary: Sequence[np.ndarray]
) -> tuple[Tracklets, Linked]:
    """Find tracklets; members that are released are not counted."""
    started = time.perf_counter()
    tracklets = find_tracklets(field.exposures, moving, stationary, Rules())
    seconds = time.perf_counter() - started
    of = np.where(tracklets.released, -2, asteroids_in(field, tracklets))
    return tracklets, scored(*most_of_one(of), seconds)


def theirs(field: MovingField, moving: Sequence[np.ndarray], linker: Path) -> Linked:
    """Link with heliolinx, in its own environment."""
    columns = moving_rows(field, moving)
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "catalogues.npz", Path(folder) / "tracklets.npz"
        np.savez(given, **columns)
        command = [linker / "bin" / "python", TOOL, "--link", given, found, str(MAXGCR)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with np.load(found) as values:
            tracklet, row, seconds = (values[name] for name in ("tracklet", "row", "seconds"))
    members = np.full((int(tracklet.max(initial=-1)) + 1, len(field.exposures)), -2)
    members[tracklet, columns["exposure"][row]] = columns["asteroid"][row]
    return scored(*most_of_one(members[(members > -2).sum(axis=1) >= LEAST]), float(seconds))


def filtered(field: MovingField, moving: Sequence[np.ndarray], random: np.random.Generator) -> list[np.ndarray]:
    """Return what the assumed filter leaves of what moves."""
    return [
        mask & (random.uniform(size=len(mask)) < np.where(own >= 0, KEPT["asteroid"], KEPT["other"]))
        for mask, own in zip(moving, field.asteroid, strict=True)
    ]


def compare(artefacts: int, fields: int, linker: Path | None) -> dict[str, Any]:
    """Return what is found in some fields with so many artefacts, before and after the filter."""
    result: dict[str, Any] = {}
    for name in ("all", "filtered"):
        counts: Counter[str] = Counter()
        seconds: dict[str, list[float]] = {}
        chance: dict[str, list[float]] = {"asteroids": [], "false": []}
        for seed in range(fields):
            field = moving_field(artefacts, seed)
            moving = moving_of(field)
            stationary = [~mask for mask in moving]
            if name == "filtered":
                moving = filtered(field, moving, np.random.default_rng(seed))
            there = linkable(field, moving)
            counts["moving"] += sum(int(mask.sum()) for mask in moving)
            counts["linkable"] += len(there)
            tracklets, own = ours(field, moving, stationary)
            linked = {"ours": own} | ({"heliolinx": theirs(field, moving, linker)} if linker else {})
            for which, each in linked.items():
                counts[f"{which} found"] += len(each.found & there)
                counts[f"{which} false"] += each.false
                seconds.setdefault(which, []).append(each.seconds)
            best, number = most_of_one(np.where(tracklets.released, -2, asteroids_in(field, tracklets)))
            for which, chosen in (("asteroids", number >= LEAST), ("false", number < LEAST)):
                chance[which] += tracklets.chance[chosen].tolist()
            counts.update(released(field, tracklets, best, number))
            counts.update(released_by_chance(field, moving, stationary))
        result[name] = {
            "fields": fields,
            "moving_per_exposure": counts["moving"] / fields / len(MINUTES),
            "linkable": counts["linkable"],
            **{
                which: {
                    "found": counts[f"{which} found"],
                    "completeness": counts[f"{which} found"] / counts["linkable"],
                    "false": counts[f"{which} false"],
                    "false_per_field": counts[f"{which} false"] / fields,
                    "seconds": float(np.median(every)),
                }
                for which, every in seconds.items()
            },
            "chance": {
                "expected_false_per_field": counts["expected"] / fields,
                "asteroids_below_1": float(np.mean(np.array(chance["asteroids"]) < 1)),
                "false_below_1": int((np.array(chance["false"]) < 1).sum()),
            },
            "released": {
                name: counts[f"released {name}"] for name in ("asteroids", "by asteroids", "by false", "by chance")
            },
        }
        say(f"{artefacts} artefacts, {name}: {result[name]}")
    return result


def released(field: MovingField, tracklets: Tracklets, best: np.ndarray, number: np.ndarray) -> Counter[str]:
    """Count released detections: of asteroids' tracklets, how many of them are the asteroid; and of false ones."""
    real = (number >= LEAST)[:, None] & tracklets.released
    own = asteroids_in(field, tracklets) == best[:, None]
    return Counter(
        {
            "released asteroids": int((real & own).sum()),
            "released by asteroids": int(real.sum()),
            "released by false": int((tracklets.released & ~real).sum()),
        }
    )


def released_by_chance(
    field: MovingField, moving: Sequence[np.ndarray], stationary: Sequence[np.ndarray]
) -> Counter[str]:
    """Count what is found, and released, when the exposures are said to be in another order."""
    order = np.array([1, 3, 0, 2])
    shuffled = find_tracklets(field.exposures, moving, stationary, Rules(), minutes=np.array(MINUTES)[order])
    return Counter({"released by chance": int(shuffled.released.sum()), "expected": len(shuffled.rate)})


def on_stars(fields: int) -> dict[str, int]:
    """Count asteroids over stars in one of four exposures: how many are flagged there, and of these released."""
    counts: Counter[str] = Counter()
    for seed in range(fields):
        field = moving_field(50, 100 + seed, on_stars=True)
        moving = moving_of(field)
        stationary = [~mask for mask in moving]
        tracklets, linked = ours(field, moving, stationary)
        found = asteroids_in(field, tracklets)
        best, number = most_of_one(np.where(tracklets.released, -2, found))
        counts.update(released(field, tracklets, best, number))
        there = linkable(field, moving)
        counts["linkable"] += len(there)
        counts["found"] += len(there & linked.found)
        for own, mask in zip(field.asteroid, moving, strict=True):
            counts["flagged"] += len(set(own[~mask & (own >= 0)].tolist()) & there)
    return dict(counts)


def lost_by_fit(number: int) -> dict[str, Any]:
    """Return what share of asteroids in four exposures does not fit: by distance, and by how errors are understated."""
    random, minutes = np.random.default_rng(5), np.array(MINUTES)
    rules = Rules()
    sigma = rules.position_error * SEEING / 2 / np.sqrt(2)

    def lost(distance: float, rate: float, understated: float) -> float:
        way, side = (np.stack([np.cos(each), np.sin(each)], axis=1) for each in random.uniform(0, 7, (2, number)))
        bent = side[:, None] * (minutes[:, None] - minutes.mean()) ** 2 / 2 * BEND / distance
        errors = random.normal(0, sigma * understated, (number, len(minutes), 2))
        place = way[:, None] * rate * minutes[:, None] + bent + errors
        variance = np.full(place.shape, sigma**2)
        variance[..., 0] += (rate * rules.timing_error / 60) ** 2
        return float(1 - fit(place, variance, minutes, np.full(number, rate), way).fit_well().mean())

    return {
        "asteroids": number,
        "by_rate_and_distance_au": {
            str(rate): {str(distance): lost(distance, rate, 1.0) for distance in DISTANCES} for rate in BENT_RATES
        },
        "by_understatement": {str(each): lost(1.0, BENT_RATES[0], each) for each in UNDERSTATED},
        "largest_p": LEAST_P,
    }


def real_night(night: Path) -> dict[str, Any]:
    """Return what is found in a real night, and how much of its asteroid."""
    exposures, rules = [read_detections(path) for path in sorted(night.glob("*.fits.gz"))], Rules()
    truth = read_truth(night.parent / "mpc.txt")
    stationary = find_stationary(exposures, rules)[0].stays
    started = time.perf_counter()
    tracklets = find_tracklets(exposures, [~mask for mask in stationary], stationary, rules)
    seconds = time.perf_counter() - started
    numbers = []
    for e, each in enumerate(exposures):
        match = match_known(known_at(truth, each.info, rules), each.ra, each.dec, rules)
        numbers += tracklets.number(e, len(each.x))[match.asteroid >= 0].tolist()
    of = Counter(numbers).most_common(1)[0][0] - 1
    return {
        "exposures": len(exposures),
        "asteroid_detections": len(numbers),
        "in_its_tracklet": numbers.count(of + 1),
        "number_of_its_tracklet": of + 1,
        "rate": float(tracklets.rate[of]),
        "chance": float(tracklets.chance[of]),
        "tracklets": len(tracklets.rate),
        "exposures_of_others": sorted(np.delete(tracklets.exposures, of).tolist(), reverse=True),
        "seconds": seconds,
    }


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("--linker", type=Path, help="environment with heliolinx (tools/linker-oracle)")
    parser.add_argument("--night", type=Path, help="a folder with frames of a real night")
    parser.add_argument("--fields", type=int, default=4)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"minutes": MINUTES, "asteroids": ASTEROIDS, "kept_by_the_assumed_filter": KEPT}
    result["artefacts"] = {str(number): compare(number, arguments.fields, arguments.linker) for number in ARTEFACTS}
    result["on_stars"] = on_stars(arguments.fields)
    result["lost_by_fit"] = lost_by_fit(20_000)
    if arguments.night:
        result["real_night"] = real_night(arguments.night)
    write_result(arguments.output, result)


if __name__ == "__main__":
    main()
