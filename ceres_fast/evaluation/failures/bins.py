"""Bins of a quantity: every stamp is in one, those of which it is not known too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from .edges import Ladder, choose_edges

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
        Takes values of the quantity (n,) and tells which are in the bin, bool (n,).
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
