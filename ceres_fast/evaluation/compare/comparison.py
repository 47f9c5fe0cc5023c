"""The comparison of runs on one split: figures of each, differences of each pair, and what they show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .. import scores
from .measures import MEASURES, asteroids
from .pairs import Pair, compare_pairs
from .runs import Answers
from .statistics import Group, groups
from .verdict import Verdict, verdict_of


@dataclass(frozen=True)
class Run:
    """One of the runs; `values` by the names of `MEASURES`, None where one is not defined."""

    letter: str
    run: str
    classifier: str
    seed: int | None
    threshold: float
    values: dict[str, float | None]


@dataclass(frozen=True)
class Comparison:
    """What `compare` returns.

    Attributes
    ----------
    split, records, manifest_sha256 : str
        Where the stamps are from.
    needs : int
        Exposures of an asteroid that must be found.
    stamps, non_asteroids, asteroids, left_out : int
        Stamps of both classes, of non-asteroids; asteroids with enough exposures, and those with fewer.
    resamples : int
        Of the bootstrap.
    confidence : float
        Of the intervals.
    runs : list of Run
        In the order in which they were named.
    groups : list of Group
        Those that differ in nothing but the seed.
    pairs : list of Pair
        Each run with each that follows it.
    verdicts : list of Verdict
        One for each pair.
    """

    split: str
    records: str
    manifest_sha256: str
    needs: int
    stamps: int
    non_asteroids: int
    asteroids: int
    left_out: int
    resamples: int
    confidence: float
    runs: list[Run]
    groups: list[Group]
    pairs: list[Pair]
    verdicts: list[Verdict]

    @property
    def several(self) -> bool:
        """Whether there is more than one pair."""
        return len(self.pairs) > 1

    def with_verdicts(self) -> Iterator[tuple[Pair, Verdict]]:
        """Iterate over the pairs with their verdicts."""
        return zip(self.pairs, self.verdicts, strict=True)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)


def compare_answers(answers: Sequence[Answers], *, split: str, needs: int, seed: int) -> Comparison:
    """Compare what `read_answers` returned; see `compare.compare`."""
    values, pairs = compare_pairs(answers, needs, seed)
    first = answers[0].predictions
    there = asteroids(first, needs)
    return Comparison(
        split=split,
        records=str(first.about.get("records")),
        manifest_sha256=first.about["manifest_sha256"],
        needs=needs,
        stamps=len(first.labels),
        non_asteroids=int(np.count_nonzero(first.labels == 0)),
        asteroids=len(there.rows),
        left_out=there.left_out,
        resamples=scores.RESAMPLES,
        confidence=scores.CONFIDENCE,
        runs=[_run(each, row) for each, row in zip(answers, values, strict=True)],
        groups=groups(answers, values),
        pairs=pairs,
        verdicts=[verdict_of(pair, needs) for pair in pairs],
    )


def _run(answers: Answers, values: np.ndarray) -> Run:
    plain = {name: None if np.isnan(value) else float(value) for name, value in zip(MEASURES, values, strict=True)}
    return Run(answers.letter, str(answers.run), answers.classifier, answers.seed, answers.threshold, plain)
