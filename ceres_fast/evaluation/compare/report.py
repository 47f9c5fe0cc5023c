"""A comparison as text of 80 columns, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from ...libraries.matplotlib_quiet import Axes, Figure
from ...pictures import BLUE, GREY, VERMILION, save
from ..scores import CONFIDENCE
from .comparison import Comparison
from .measures import MEASURES
from .pairs import Difference, Pair
from .verdict import SENTENCES

WIDTH = 80

HEADS = {
    "asteroids_lost": "lost",
    "recall": "recall",
    "precision": "precision",
    "non_asteroids_left": "left",
    "roc_auc": "ROC AUC",
    "average_precision": "av. prec.",
    "loss": "loss",
}
"""Titles of `MEASURES` that fit above a column."""

COLOURS = {0: GREY, 1: BLUE, -1: VERMILION}
"""Of no difference that is shown, one in favour of the second run, one in favour of the first."""


def as_text(comparison: Comparison) -> str:
    """Return what is printed of a comparison."""
    blocks = [_head(comparison), _runs(comparison)]
    if comparison.groups:
        blocks.append(_groups(comparison))
    blocks += [_pair(pair, verdict.words, comparison) for pair, verdict in comparison.with_verdicts()]
    blocks.append(_notes(comparison))
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks) + "\n"


def _head(comparison: Comparison) -> list[str]:
    left_out = comparison.left_out
    more = f" ({left_out:,} more have fewer: no classifier can find those)" if left_out else ""
    return [
        f"{len(comparison.runs)} runs compared: {comparison.split} split of {comparison.records}",
        *_wrapped(
            f"{comparison.non_asteroids:,} non-asteroid and {comparison.stamps - comparison.non_asteroids:,} asteroid "
            f"stamps; {comparison.asteroids:,} asteroids in {comparison.needs} exposures or more of a night{more}."
        ),
    ]


def _runs(comparison: Comparison) -> list[str]:
    legend = []
    for run in comparison.runs:
        seed = "" if run.seed is None else f", seed {run.seed}"
        legend += [f"{run.letter:<3}{run.run}", f"   {run.classifier}{seed}; threshold {run.threshold:g}"]
    rows = [f"{run.letter:<8}" + "".join(_cell(run.values[name]) for name in MEASURES) for run in comparison.runs]
    return [*legend, "", _heads(), *rows]


def _heads() -> str:
    return " " * 8 + "".join(f"{HEADS[name]:>10}" for name in MEASURES)


def _cell(value: float | None) -> str:
    return f"{'—' if value is None else format(value, '.4f'):>10}"


def _groups(comparison: Comparison) -> list[str]:
    lines = ["Mean and standard deviation over seeds, everything else being the same:", _heads()]
    for group in comparison.groups:
        seeds = ", ".join(f"{letter} {seed}" for letter, seed in zip(group.letters, group.seeds, strict=True))
        lines += _wrapped(f"{group.classifier}, seeds: {seeds}")
        for title, kind in (("mean", "mean"), ("±", "std")):
            cells = (getattr(group.spread[name], kind) if name in group.spread else None for name in MEASURES)
            lines.append(f"{title:>8}" + "".join(map(_cell, cells)))
    return lines


def _pair(pair: Pair, words: str, comparison: Comparison) -> list[str]:
    lines = [f"{pair.second} against {pair.first}", *_wrapped(words)]
    for name, test in pair.tests.items():
        if test.total:
            letters = {"first": pair.first, "second": pair.second}
            counts = {"only_first": f"{test.only_first:,}", "only_second": f"{test.only_second:,}"}
            adjusted = f" (of {len(comparison.pairs)} pairs: {_p(test.adjusted)})" if comparison.several else ""
            sentence = SENTENCES[name].format(**letters, **counts)
            lines += _wrapped(f"{test.total:,} {name.replace('_', '-')}: {sentence}; p = {_p(test.p)}{adjusted}.")
    lines.append(f"{'':<22}{f'{pair.second} − {pair.first}':>10}   {CONFIDENCE:.0%} interval")
    return lines + [_difference(MEASURES[name].title, found) for name, found in pair.differences.items()]


def _difference(title: str, found: Difference) -> str:
    if found.value is None:
        return f"{title:<22}{'—':>10}"
    around = "" if found.low is None else f"   [{found.low:+.4f}, {found.high:+.4f}]"
    return f"{title:<22}{found.value:>+10.4f}{around}{'  *' if found.sign else ''}"


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def _notes(comparison: Comparison) -> list[str]:
    together = f", which hold for all {len(comparison.pairs)} pairs together," if comparison.several else ""
    adjusted = " and adjusted for the number of pairs (Holm)" if comparison.several else ""
    return _wrapped(
        f"* marks an interval that does not contain 0. The intervals{together} are of a bootstrap that draws the "
        "stamps of one asteroid together, and the same ones for every run; where all of its samples agree, they are "
        f"exact (Clopper-Pearson). p is of McNemar's exact test{adjusted}; that test takes everything it counts as "
        "independent, which the exposures of one asteroid are not. A difference at the threshold is called shown when "
        "its interval does not contain 0 and p is below 0.05, one in ranking when the intervals of both areas do not "
        "contain 0. Lost, recall, precision and left depend on each run's own threshold. A verdict is about these "
        "classifiers: only more seeds show how much chance in training moves them."
    )


def _wrapped(text: str) -> list[str]:
    return wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def draw_differences(pairs: Sequence[Pair], path: Path) -> None:
    """Draw every difference and its interval: a panel per measure, a row per pair; grey where 0 is inside.

    Parameters
    ----------
    pairs : sequence of Pair
        From `compare_pairs`.
    path : pathlib.Path
        The PNG.
    """
    figure = Figure(figsize=(2 * len(MEASURES) + 1, 1.4 + 0.3 * len(pairs)), layout="constrained")
    panels = figure.subplots(1, len(MEASURES), sharey=True)
    for axes, name in zip(panels, MEASURES, strict=True):
        _panel(axes, name, [pair.differences[name] for pair in pairs])
    panels[0].set_yticks(range(len(pairs)), [f"{pair.second} − {pair.first}" for pair in pairs])
    panels[0].set_ylim(len(pairs) - 0.5, -0.5)
    figure.suptitle("blue: the run named first is better; orange: the other is; grey: the interval contains 0", size=9)
    save(figure, path)


def _panel(axes: Axes, name: str, differences: Sequence[Difference]) -> None:
    measure = MEASURES[name]
    axes.axvline(0, color="0.8", lw=1, zorder=0)
    for row, found in enumerate(differences):
        if found.value is None:
            continue
        colour = COLOURS[found.sign * measure.better]
        if found.low is not None and found.high is not None:
            axes.plot([found.low, found.high], [row, row], color=colour, lw=2)
        axes.plot([found.value], [row], "o", color=colour, ms=5)
    axes.set_title(measure.title, size=10)
    axes.set_xlabel(f"{measure.unit}: {'more' if measure.better > 0 else 'less'} is better", size=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.locator_params(axis="x", nbins=4)
