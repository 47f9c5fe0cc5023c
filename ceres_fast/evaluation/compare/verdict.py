"""What a comparison shows, in words: only what both interval and test show, never a larger number alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .measures import MEASURES
from .pairs import Pair

SIGNIFICANT = 0.05
"""Adjusted p-values below this count; as the intervals, of 95 %."""


@dataclass(frozen=True)
class Aspect:
    """In what a classifier may be better.

    Attributes
    ----------
    words : str
        What the better one does.
    measures : tuple of str
        Each must differ, in favour of the same run, by an interval without 0 …
    test : str or None
        … and this test must say so too.
    decides : bool
        Whether it makes a classifier the better one. Leaving fewer non-asteroids does not: a higher threshold does that
        too, and there are so many of them that it shows long before the asteroids show what it costs.
    """

    words: str
    measures: tuple[str, ...]
    test: str | None
    decides: bool


ASPECTS = {
    "asteroids": Aspect("loses fewer asteroids", ("asteroids_lost",), "asteroids", True),
    "non_asteroids": Aspect("leaves fewer non-asteroids", ("non_asteroids_left",), "non_asteroids", False),
    "ranking": Aspect("ranks asteroids higher, whatever the threshold", ("roc_auc", "average_precision"), None, True),
}

SENTENCES = {
    "asteroids": "{second} finds {only_second} that {first} loses, {first} finds {only_first} that {second} loses",
    "non_asteroids": "{second} rejects {only_second} that {first} leaves, {first} {only_first} that {second} leaves",
    "stamps": "{second} is right about {only_second} where {first} is not, {first} about {only_first}",
}
"""What a test counts, in words."""


@dataclass(frozen=True)
class Verdict:
    """The letter of the better run, None where neither is better in all that is shown; and that in words."""

    better: str | None
    words: str


def verdict_of(pair: Pair, needs: int) -> Verdict:
    """Return what a pair shows."""
    if pair.same:
        return Verdict(None, "No difference: both give the same answer on every stamp.")
    shown = {name: sign for name, aspect in ASPECTS.items() if (sign := _shown(pair, aspect))}
    better, words = _of(shown, pair)
    return Verdict(better, " ".join([words, *_open(pair, shown, needs)]))


def _of(shown: Mapping[str, int], pair: Pair) -> tuple[str | None, str]:
    sides = {letter: _words(shown, sign) for letter, sign in ((pair.first, -1), (pair.second, 1))}
    sides = {letter: words for letter, words in sides.items() if words}
    if not sides:
        return None, "No difference is shown."
    if len(sides) == 2:
        each = "; ".join(f"{letter} {words}" for letter, words in sides.items())
        return None, f"Neither is better in all: {each}."
    [(letter, words)] = sides.items()
    if any(ASPECTS[name].decides for name in shown):
        return letter, f"{letter} is better: it {words}."
    return None, f"{letter} {words}, as a higher threshold would: that alone does not make it better."


def _shown(pair: Pair, aspect: Aspect) -> int:
    """Return 1 where the second run is shown to be better, −1 where the first is, else 0."""
    signs = {pair.differences[name].sign * MEASURES[name].better for name in aspect.measures}
    if len(signs) > 1:
        return 0
    sign = signs.pop()
    if aspect.test is None:
        return sign
    test = pair.tests[aspect.test]
    counted = (test.only_second > test.only_first) - (test.only_second < test.only_first)
    return sign if sign == counted and test.adjusted < SIGNIFICANT else 0


def _words(shown: Mapping[str, int], sign: int) -> str:
    *others, last = [ASPECTS[name].words for name, each in shown.items() if each == sign] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _open(pair: Pair, shown: Mapping[str, int], needs: int) -> list[str]:
    """Return what is not shown about the asteroids, and how much that leaves open: they come first."""
    if "asteroids" in shown:
        return []
    lost, total = pair.differences["asteroids_lost"], pair.tests["asteroids"].total
    if lost.low is None or lost.high is None:
        return [f"No asteroid has {needs} exposures: whether asteroids are lost cannot be compared."]
    range_ = f"{pair.second} may lose from {_share(lost.low)} to {_share(lost.high)} of them than {pair.first}"
    if lost.sign:
        return [
            f"With {total:,} asteroids the interval alone shows that one loses more, and the test does not: {range_}."
        ]
    return [f"With {total:,} asteroids it stays open which of them loses more: {range_}."]


def _share(difference: float) -> str:
    return f"{abs(difference):.1%} {'more' if difference > 0 else 'fewer'}" if difference else "as many"
