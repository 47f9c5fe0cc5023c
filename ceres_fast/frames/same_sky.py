"""Which exposures show the same sky, where the names of their fields do not say it.

Cameras write into OBJECT what the observer typed: a name with the dither in it that differs in every exposure, or one
word for all pointings of a night. Where frames have coordinates, these are asked too, and names are corrected.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..console import warn
from .info import FrameInfo

NIGHT_GAP = 0.4
"""Days without an exposure that end a night. Nights are separated by the gap between them, not by a date, because UTC
noon falls into the night at some longitudes and headers do not say the longitude in one way."""

SAME_TIME = 0.5
"""Exposures of one CCD whose middles are closer than this (s) are one exposure given twice."""

SAME_PLACE = 0.4
"""Exposures show the same sky, whatever they are called, where their centres are closer than this share of the CCD's
shorter side: more than half of each is then on the other, in whatever direction they differ. The fields of a survey
overlap by less."""

_NAMED = 3
"""How many names are said."""


Key = TypeVar("Key", bound=Hashable)


class Places:
    """Where frames point: by number, in the order given.

    Attributes
    ----------
    known : numpy.ndarray
        Shape (n,), bool. Not known is also what is within a frame of right ascension and declination (0, 0): headers
        say that who have nothing to say.
    vectors : numpy.ndarray
        Shape (n, 3): the centres on the unit sphere, so that neither right ascension 0 nor a pole is special.
    short, long : numpy.ndarray
        Shape (n,): the sides of the frames, as chords of that sphere.
    names : list of str
        Right ascension and declination, deg, of the first CCD of each frame's file: all its CCDs are one pointing.
    """

    def __init__(self, infos: Sequence[FrameInfo]) -> None:
        ra, dec = np.radians(np.array([info.centre for info in infos], float).reshape(-1, 2).T)
        self.vectors = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
        sides = np.array([np.sort(info.shape) * info.pixel_scale for info in infos], float).reshape(-1, 2)
        self.short, self.long = 2 * np.sin(np.radians(np.minimum(sides / 3600, 180)) / 2).T
        there = np.isfinite(self.vectors).all(axis=1) & (self.short > 0)
        self.known = there & (_chord(self.vectors, np.array([1.0, 0.0, 0.0])) > self.long)
        of_file: dict[Path, str] = {}
        for info, known in sorted(zip(infos, self.known, strict=True), key=lambda pair: pair[0].part):
            if known:
                of_file.setdefault(info.path, f"{info.centre[0]:.3f}{info.centre[1]:+.3f}")
        self.names = [of_file.get(info.path, "") for info in infos]

    def linked(self, rows: np.ndarray, reach: np.ndarray) -> np.ndarray:
        """Return which of some frames belong together, in one step or several: a number for each, from 0.

        Two are linked where their centres are closer than the mean of what they reach, (n,) chords, by frame. A frame
        whose place is not known is linked to none.
        """
        label = np.full(len(rows), -1)
        alone = np.flatnonzero(~self.known[rows])
        here = np.flatnonzero(self.known[rows])
        if len(here):
            vectors, reach = self.vectors[rows[here]], reach[rows[here]]
            # Sorted along the axis on which they differ most, those near a frame are a slice: no pair is looked at in
            # vain but for those in it.
            axis = int(np.argmax(np.ptp(vectors, axis=0)))
            order = np.argsort(vectors[:, axis], kind="stable")
            label[here[order]] = _components(vectors[order], reach[order], axis)
        label[alone] = np.arange(len(alone)) + label.max(initial=-1) + 1
        return label

    def apart(self, one: int, other: int) -> bool:
        """Tell whether two frames are known to show different places."""
        if not (self.known[one] and self.known[other]):
            return False
        reach = SAME_PLACE * (self.short[one] + self.short[other]) / 2
        return bool(_chord(self.vectors[one], self.vectors[other]) >= reach)


def _chord(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(one - other).sum(axis=-1))


def _components(vectors: np.ndarray, reach: np.ndarray, axis: int) -> np.ndarray:
    """Return the connected components of places that are sorted along an axis, (n,) int."""
    label, number, widest = np.full(len(vectors), -1), 0, reach.max()
    key = vectors[:, axis]
    for start in range(len(vectors)):
        if label[start] >= 0:
            continue
        label[start], waiting = number, [start]
        while waiting:
            at = waiting.pop()
            low, high = np.searchsorted(key, [key[at] - widest, key[at] + widest])
            free = low + np.flatnonzero(label[low:high] < 0)
            new = free[_chord(vectors[free], vectors[at]) < (reach[free] + reach[at]) / 2]
            label[new] = number
            waiting += new.tolist()
        number += 1
    return label


def named_by_sky(infos: Sequence[FrameInfo]) -> list[FrameInfo]:
    """Return frames with the names of their fields as the sky has them; what is changed is said once.

    - Frames of one name and CCD that do not overlap, not in several steps either, are different fields: each gets its
      place into its name. Frames overlap where their centres are closer than the longer side. Where several of one name
      and time are at different places, they are CCDs that are not told apart, and `SAME_PLACE` counts. Where only one
      place was exposed several times, it keeps the name. Where none was, nothing can be compared, and they stay one
      field, of which it is then said that it points to several places.
    - Frames of one CCD and night at the same place (`SAME_PLACE`) are one field, whatever they are called, or where
      they do not say it: it has the name of its first exposure. Where two of them were taken at one time under two
      names, header contradicts header, and the names stay.

    Frames whose place is not known keep their names, and so do those whose time is not.
    """
    found = list(infos)
    places = Places(found)
    timed = np.array([not math.isnan(info.mjd) for info in found], bool)
    _split_names(found, places, np.flatnonzero(timed & places.known))
    _join_names(found, places, np.flatnonzero(timed))
    return found


def _split_names(infos: list[FrameInfo], places: Places, rows: np.ndarray) -> None:
    """Give frames of one name at places that do not overlap different names."""
    split: dict[str, list[int]] = {}
    after: dict[str, set[str]] = {}
    for (name, _), chosen in _by(rows, [(infos[row].field, infos[row].ccd) for row in rows]):
        if not name or len(chosen) < 2:
            continue
        chosen = chosen[np.argsort([infos[row].mjd for row in chosen], kind="stable")]
        several = any(places.apart(*pair) for run in _at_once(infos, chosen) for pair in pairwise(run))
        label = places.linked(chosen, SAME_PLACE * places.short if several else places.long)
        repeated = np.flatnonzero(np.bincount(label) > 1)
        if label.max() == 0 or (not several and not len(repeated)):
            continue
        split.setdefault(name, []).extend(chosen.tolist())
        for number in range(label.max() + 1):
            members = chosen[label == number]
            # One exposure that points elsewhere does not take the name from all the others.
            new = name if [number] == repeated.tolist() else f"{name} {places.names[members[0]]}"
            after.setdefault(name, set()).add(new)
            _rename(infos, members, new)
    if split:
        name, members = max(split.items(), key=lambda item: len(item[1]))
        names = sorted(after[name])
        others = f"; so are those of {len(split) - 1} other names" if len(split) > 1 else ""
        warn(
            f"{len(members)} frames are called {name!r} (OBJECT) and show {len(names)} places that do not overlap: "
            f"they are taken as that many fields, named after their places ({_listed(names)}){others}"
        )


def _join_names(infos: list[FrameInfo], places: Places, rows: np.ndarray) -> None:
    """Give frames of one CCD and night at one place the same name."""
    before: list[str] = []
    after: set[tuple[str, int]] = set()
    contradictory: list[tuple[int, int]] = []
    for _, of_ccd in _by(rows, [infos[row].ccd for row in rows]):
        for night in _nights(infos, of_ccd):
            for members in _at_one_place(infos, places, night):
                if pair := _contradiction(infos, places, members):
                    contradictory.append(pair)
                    continue
                first = next((infos[row].field for row in members if infos[row].field), "")
                name = first or places.names[members[0]]
                before += [infos[row].field for row in members]
                after.add((name, infos[members[0]].night))
                _rename(infos, members, name)
    if before:
        odd = "differ or are missing" if "" in before else "differ"
        warn(
            f"{len(before)} frames whose names {odd} ({_listed(sorted(set(before)))}) show the same sky as others of "
            f"their night: by where they point they are {len(after)} field{'s' * (len(after) > 1)}, named after the "
            f"first exposures ({_listed(sorted({name for name, _ in after}))})"
        )
    if contradictory:
        one, other = (infos[row] for row in contradictory[0])
        warn(
            f"{one.place} and {other.place} have the same place, CCD and time, and two names ({one.field!r}, "
            f"{other.field!r}): here fields are told apart by their names alone (OBJECT), not by where they point"
        )


def _at_one_place(infos: Sequence[FrameInfo], places: Places, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield frames that are at one place and do not have one name, in the order of time, with all others so named."""
    place = places.linked(rows, SAME_PLACE * places.short)
    # Each frame without a name has one of its own.
    names = [infos[row].field or f"\0{row}" for row in rows]
    name = np.unique(names, return_inverse=True)[1]
    group, last = place.copy(), None
    while last is None or (group != last).any():
        last = group
        for key in (name, place):
            least = np.full(key.max() + 1, len(rows))
            np.minimum.at(least, key, group)
            group = least[key]
    for number in np.unique(group):
        chosen = group == number
        if len(np.unique(name[chosen])) > 1:
            yield rows[chosen]


def _contradiction(infos: Sequence[FrameInfo], places: Places, rows: np.ndarray) -> tuple[int, int] | None:
    """Return two frames of one place and time that have two names, if there are any."""
    return next(
        (
            (one, other)
            for run in _at_once(infos, rows)
            for one, other in combinations(run, 2)
            if "" not in (names := {infos[one].field, infos[other].field})
            and len(names) > 1
            and places.known[one]
            and places.known[other]
            and not places.apart(one, other)
        ),
        None,
    )


def _at_once(infos: Sequence[FrameInfo], rows: np.ndarray) -> Iterator[list[int]]:
    """Yield the frames of one time, of frames in the order of time, where there are several."""
    seconds = np.array([infos[row].mjd for row in rows]) * 86400
    for run in np.split(rows, np.flatnonzero(np.diff(seconds) >= SAME_TIME) + 1):
        if len(run) > 1:
            yield run.tolist()


def _nights(infos: Sequence[FrameInfo], rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield frames by night, in the order of time."""
    mjd = np.array([infos[row].mjd for row in rows])
    order = np.argsort(mjd, kind="stable")
    yield from np.split(rows[order], np.flatnonzero(np.diff(mjd[order]) > NIGHT_GAP) + 1)


def _by(rows: np.ndarray, keys: Sequence[Key]) -> Iterator[tuple[Key, np.ndarray]]:
    """Yield some frames by a key of each."""
    found: dict[Key, list[int]] = {}
    for row, key in zip(rows.tolist(), keys, strict=True):
        found.setdefault(key, []).append(row)
    for key, members in found.items():
        yield key, np.array(members)


def _rename(infos: list[FrameInfo], rows: np.ndarray, name: str) -> None:
    for row in rows.tolist():
        infos[row] = dataclasses.replace(infos[row], field=name)


def _listed(names: Sequence[str]) -> str:
    first = ", ".join(repr(name) if name else "no name" for name in names[:_NAMED])
    return first + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
