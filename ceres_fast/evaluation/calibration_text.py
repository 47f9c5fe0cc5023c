"""What a calibration says: its guarantee, what it costs, and how probabilities were made into shares; 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from .formatting import counted
from .operating_point import OperatingPoint
from .reliability import Reliability

_MEASURES = {"ece": "expected calibration error", "brier": "Brier score", "loss": "cross-entropy"}


def calibration_text(
    point: OperatingPoint,
    scaling: Mapping[str, Any] | None,
    found: Mapping[str, Reliability],
    title: str,
    stamps: int,
    more: Sequence[str] = (),
) -> str:
    """Return the report of a calibration as plain text, 80 columns.

    Parameters
    ----------
    point : OperatingPoint
        What `choose` returned.
    scaling : mapping or None
        What `fit` returned.
    found : mapping of str to Reliability
        On the calibration split, before and after scaling.
    title : str
        First line.
    stamps : int
        That the scaling was fitted on.
    more : sequence of str
        Lines about tracklets and conditions.
    """
    lines = [
        title,
        "",
        *_guarantee(point),
        "",
        *more,
        *([""] if more else []),
        "Scaling of the probabilities:",
        _fitted(scaling, stamps),
        "",
    ]
    lines.append(f"{f'of {point.detections:,} calibration stamps':<32}" + "".join(f"{name:>10}" for name in found))
    for name, words in _MEASURES.items():
        lines.append(f"{words:<32}" + "".join(f"{getattr(each, name):>10.4f}" for each in found.values()))
    return "\n".join(lines) + "\n"


def _guarantee(point: OperatingPoint) -> list[str]:
    of = "catalogue rows" if point.rows else "stamps"
    return [
        *wrap(
            f"Threshold {point.threshold:g}: with a confidence of {point.confidence:g}, at most {point.max_loss:g} of "
            f"{_SUBJECT[point.by]} that are detected in {counted(point.needs, 'exposure')} of a night or more are "
            f"lost. An asteroid is lost when fewer than {point.needs} of its exposures reach the threshold. "
            f"{_ASSUMED[point.by]}",
            80,
        ),
        "",
        f"{'asteroids (each in one night)':<32}{point.asteroids:>10,}   in {counted(point.fields, 'field')}",
        *(_of_asteroids(point) if point.by == "asteroid" else _of_fields(point)),
        f"{'in fewer exposures, not counted':<32}{point.left_out:>10,}",
        *([f"{'of the lost, by the rules':<32}{point.before:>10,}"] if point.before else []),
        f"{'non-asteroids, and left of them':<32}{point.non_asteroids:>10,}{point.left:>10,}",
        f"{f'left of 1,000 {of}':<32}{point.left_per_1000:>10.1f}"
        + (f"   of {point.rows:,}" if point.rows else f"   of {point.detections:,}: rows are not known"),
        "",
        *wrap(_estimate(point), 80),
    ]


_SUBJECT = {"asteroid": "the asteroids", "field": "a field's asteroids, in the mean over fields,"}
_ASSUMED = {
    "asteroid": "Asteroids are taken to be independent of each other.",
    "field": "Fields, each in one night, are taken to be independent of each other; asteroids of one field are not.",
}
_COUNTED = {
    "each": "no two asteroids share a field",
    "one": "counted is one asteroid of each field, drawn with a fixed seed",
    "all": "by bets on the share of each field that is lost",
}


def _of_asteroids(point: OperatingPoint) -> list[str]:
    return [
        f"{'may be lost, and are lost':<32}{point.allowed:>10,}{point.lost:>10,}",
        f"{'share lost, upper limit':<32}{point.bound:>10.4f}",
    ]


def _of_fields(point: OperatingPoint) -> list[str]:
    return [
        f"{'of them lost':<32}{point.lost:>10,}",
        f"{'share lost, mean of fields':<32}{point.field_loss:>10.4f}",
        f"{'the same, upper limit':<32}{point.bound:>10.4f}",
        f"({_COUNTED[point.drawn]})",
    ]


def _estimate(point: OperatingPoint) -> str:
    """Say what dependence within fields does to the share of all asteroids: no guarantee, and named so."""
    found = point.dependence
    if found is None:
        return (
            "Dependence within fields: not estimated. There are fewer than two fields, no two asteroids share one, or "
            "all probabilities are the same."
        )
    text = (
        f"Estimate, not a guarantee: asteroids of one field in one night have an intraclass correlation of "
        f"{found['rho']:.3f} (95 % interval {found['low']:.3f} to {found['high']:.3f}, bootstrap by field; the larger "
        "of that of being lost and that of the ranks of the probabilities that decide). With it the "
        f"{point.asteroids:,} asteroids say as much as {found['n_eff']:,.0f} independent ones, and the share of all "
        f"asteroids that is lost has the upper limit {found['bound']:.4f}"
    )
    return f"{text} in place of {point.bound:.4f}." if point.by == "asteroid" else f"{text}."


def _fitted(scaling: Mapping[str, Any] | None, stamps: int) -> str:
    if scaling is None:
        return "none: they are what the network gives"
    values = {
        "temperature": lambda: f"temperature {scaling['temperature']:.4g}",
        "logistic": lambda: f"logistic, temperature {scaling['temperature']:.4g}, bias {scaling['bias']:.4g}",
        "isotonic": lambda: f"isotonic, {len(scaling['x'])} knots",
    }
    return f"{values[scaling['method']]()}; fitted on {stamps:,} validation stamps"


def tracklets_text(point: Mapping[str, Any], counts: Mapping[str, int]) -> list[str]:
    """Return what is said of the threshold of tracklets.

    Parameters
    ----------
    point : mapping
        Its operating point.
    counts : mapping of str to int
        What it does on a split (`tracklets.chain_at`).
    """
    return [
        *wrap(
            f"Tracklets: threshold {point['threshold']:g}, with the same guarantee through the whole chain. Lost is an "
            "asteroid that the rules take for something that stays, that is not linked, or whose tracklets are below "
            f"the threshold, in so many exposures that fewer than {point['needs']} are left.",
            80,
        ),
        "",
        f"{'asteroids detected':<32}{counts['asteroids']:>10,}",
        f"{'  lost by the rules':<32}{counts['by_rules']:>10,}",
        f"{'  not linked':<32}{counts['not_linked']:>10,}",
        f"{'  tracklets below the threshold':<32}{counts['below']:>10,}",
        f"{'false tracklets, and left':<32}{counts['false']:>10,}{counts['left']:>10,}",
        f"{'non-asteroids left in tracklets':<32}{counts['non_asteroids']:>10,}",
    ]
