"""Bins of a quantity, with edges that people can remember; every stamp is in one, known or not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

FEWEST = 20
"""Asteroids that a bin holds at least: with fewer, its interval is wider than what it could show."""

MOST = 12
"""Bins of a quantity at most."""

_QUANTILES = 4
_CANDIDATES, _MULTIPLE, _SMALLEST = 1000, 1e9, 1e-6
"""Round edges of a set at most, the largest multiple of a step, and the smallest decade: wilder values have no units
that anyone uses, and get quantiles."""

Ladder = Callable[[float, float], Iterator[np.ndarray]]
"""Gives sets of round edges, ascending, above a lowest and up to a highest value: the finest set first."""

KNOWN, UNKNOWN = "known", "unknown"
"""Labels of the bins of all that is known and cannot be divided, and of what is not known."""

FLAGS = {
    1: "neighbours",
    2: "deblended",
    4: "saturated",
    8: "at the edge",
    16: "bad aperture",
    32: "bad isophote",
    64: "out of memory",
    128: "out of memory",
}
"""Bits of SExtractor's FLAGS (SExtractor manual, "Flags"): 16 and 32 are data that are incomplete or corrupted in the
aperture or the isophote, 64 and 128 memory that overflowed in deblending and in extraction."""

_OTHER_BITS = ~sum(FLAGS)


def steps(*sizes: float) -> Ladder:
    """Return the ladder of multiples of each of these sizes."""

    def ladder(lowest: float, highest: float) -> Iterator[np.ndarray]:
        for size in sizes:
            if max(abs(lowest), abs(highest)) / size > _MULTIPLE:
                continue
            first, last = math.floor(lowest / size) + 1, math.floor(highest / size)
            if last - first < _CANDIDATES:
                # Divided by a whole number: 0.3, and not 0.30000000000000004.
                yield np.arange(first, last + 1) / round(1 / size) if size < 1 else np.arange(first, last + 1) * size

    return ladder


def decades(*digits: tuple[str, ...]) -> Ladder:
    """Return the ladder of these leading digits in every decade, for quantities above 0."""

    def ladder(lowest: float, highest: float) -> Iterator[np.ndarray]:
        if highest <= _SMALLEST:
            return
        exponents = range(math.floor(math.log10(max(lowest, _SMALLEST))), math.floor(math.log10(highest)) + 1)
        for set_of_digits in digits:
            edges = np.array([float(f"{digit}e{exponent}") for exponent in exponents for digit in set_of_digits])
            yield edges[(edges > lowest) & (edges <= highest)]

    return ladder


def choose_edges(values: np.ndarray, owners: np.ndarray, ladder: Ladder) -> list[float]:
    """Divide the values of asteroids into bins.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (n,), finite: one value for each stamp of an asteroid.
    owners : numpy.ndarray
        Shape (n,): of which asteroid a stamp is.
    ladder : Ladder
        Round edges.

    Returns
    -------
    list of float
        Edges between bins, ascending; a value on an edge belongs to the bin above it. The finest set of the ladder
        that gives 2 to `MOST` bins of `FEWEST` asteroids or more, or else quantiles with as few digits as keep them
        apart; none where there are too few asteroids, or all values are alike.
    """
    if not len(values) or values.min() == values.max():
        return []
    for candidates in ladder(float(values.min()), float(values.max())):
        edges = _with_enough(candidates, values, owners)
        if 0 < len(edges) < MOST:
            return edges
    return _quantiles(values, owners)


def _quantiles(values: np.ndarray, owners: np.ndarray) -> list[float]:
    count = min(_QUANTILES, len(np.unique(owners)) // FEWEST)
    # Values themselves: between two of them there may be no number (1e308 + 1e308).
    exact = np.unique(np.quantile(values, np.arange(1, count) / max(count, 1), method="higher"))
    wanted = _with_enough(exact, values, owners)
    for digits in range(1, 17):
        rounded = np.unique([float(f"{edge:.{digits}g}") for edge in exact])
        edges = _with_enough(rounded, values, owners)
        if len(edges) >= len(wanted):
            return edges
    return wanted


def _with_enough(candidates: np.ndarray, values: np.ndarray, owners: np.ndarray) -> list[float]:
    """Leave out edges, from below, until there are enough asteroids between any two of them."""
    cell = np.searchsorted(candidates, values, side="right")
    order = np.argsort(cell, kind="stable")
    cells = np.split(owners[order], np.searchsorted(cell[order], np.arange(1, len(candidates) + 1)))
    kept: list[float] = []
    here: set[int] = set()
    for edge, inside in zip(candidates, cells, strict=False):
        here.update(inside.tolist())
        if len(here) >= FEWEST:
            kept.append(float(edge))
            here = set()
    here.update(cells[-1].tolist())
    # What is left over at the upper end goes to the bin before it.
    return kept[:-1] if len(here) < FEWEST else kept


@dataclass(frozen=True)
class Bin:
    """Part of the range of a quantity.

    Attributes
    ----------
    label : str
        For tables and pictures: ``21-21.5``.
    words : str
        What follows "asteroids" in a sentence: ``of 21 to 21.5 mag``.
    holds : callable
        Takes values of the quantity (n,) and returns which are in the bin, bool (n,).
    low, high : float, optional
        Range, `high` not included; None where it is open or there is none.
    """

    label: str
    words: str
    holds: Callable[[np.ndarray], np.ndarray]
    low: float | None = None
    high: float | None = None


Binning = Callable[[np.ndarray, np.ndarray], list[Bin]]
"""Takes the values of stamps (n,) and of which asteroid each is (int (n,), -1 for non-asteroids), and gives the bins of
what is known; none where it cannot be divided."""


def is_unknown(values: np.ndarray) -> np.ndarray:
    """Tell which values are not known: NaN and infinities, the empty string, whole numbers below 0; bool (n,)."""
    kind = values.dtype.kind
    return ~np.isfinite(values) if kind == "f" else values == "" if kind == "U" else values < 0


def with_the_rest(bins: list[Bin], title: str) -> list[Bin]:
    """Return these bins, or one of all that is known where there are none, and that of what is not known."""
    known = Bin(KNOWN, f"of known {title}", lambda values: ~is_unknown(values))
    return [*(bins or [known]), Bin(UNKNOWN, f"of unknown {title}", is_unknown)]


def ranges(ladder: Ladder, below: str, between: str, above: str) -> Binning:
    """Return the binning of a number; `below`, `between` and `above` say a range in words, with {low} and {high}."""

    def binning(values: np.ndarray, owners: np.ndarray) -> list[Bin]:
        of_asteroid = ~is_unknown(values) & (owners >= 0)
        edges = choose_edges(values[of_asteroid], owners[of_asteroid], ladder)
        if not edges:
            return []
        inner = [_range(low, high, f"{low:.10g}–{high:.10g}", between) for low, high in pairwise(edges)]
        return [
            _range(None, edges[0], f"< {edges[0]:.10g}", below),
            *inner,
            _range(edges[-1], None, f"≥ {edges[-1]:.10g}", above),
        ]

    return binning


def _range(low: float | None, high: float | None, label: str, words: str) -> Bin:
    said = {name: f"{edge:.10g}" for name, edge in (("low", low), ("high", high)) if edge is not None}
    return Bin(label, words.format(**said), partial(_within, low=low, high=high), low, high)


def _within(values: np.ndarray, *, low: float | None, high: float | None) -> np.ndarray:
    above, below = -np.inf if low is None else low, np.inf if high is None else high
    return np.isfinite(values) & (values >= above) & (values < below)


def names(words: str) -> Binning:
    """Return the binning of a name: a bin for each; `words` say it, with {name}."""

    def binning(values: np.ndarray, owners: np.ndarray) -> list[Bin]:
        known = np.unique(values[~is_unknown(values)]).tolist()
        # "2" before "10".
        return [
            Bin(name, words.format(name=name), partial(_named, name=name))
            for name in sorted(known, key=lambda name: (len(name), name))
        ]

    return binning


def _named(values: np.ndarray, *, name: str) -> np.ndarray:
    return values == name


def flag_bits(values: np.ndarray, owners: np.ndarray) -> list[Bin]:
    """Return a bin for stamps without any bit and one for each that is set; a stamp is in the bins of all its bits."""
    known = ~is_unknown(values)
    said = {**FLAGS, _OTHER_BITS: "others"}
    bits = [bit for bit in said if (known & ((values & bit) != 0)).any()]
    without = [Bin("none", "without FLAGS", lambda some: some == 0)] if (values == 0).any() else []
    return without + [
        Bin(_flag_label(bit, said[bit]), f"with FLAGS {_flag_label(bit, said[bit])}", partial(_has, bit=bit))
        for bit in bits
    ]


def _flag_label(bit: int, meaning: str) -> str:
    return f"{bit} ({meaning})" if bit > 0 else f"≥ {max(FLAGS) * 2} ({meaning})"


def _has(values: np.ndarray, *, bit: int) -> np.ndarray:
    return ~is_unknown(values) & ((values & bit) != 0)
