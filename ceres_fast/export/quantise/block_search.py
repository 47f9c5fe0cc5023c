"""Choose what stays float: by the recall that is lost, block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import onnx

from ...errors import CeresFastError
from .blocks import Block
from .trial_scores import Judgement


class Limits(Protocol):
    """What a graph may differ by: an object with these two numbers."""

    @property
    def recall_loss(self) -> float:
        """Largest loss of recall."""

    @property
    def changed(self) -> float:
        """Largest share of changed decisions."""


@dataclass(frozen=True)
class Trial:
    """A graph that was judged.

    Attributes
    ----------
    what : str
        What was int8 in it.
    method : str
        How it was made, a name of the caller's; "" where nothing was int8.
    judgement : Judgement
        What it was judged to be.
    allowed : bool
        Whether that is within the limits.
    """

    what: str
    method: str
    judgement: Judgement
    allowed: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, which has no number for what is not finite."""
        judged = {name: value if math.isfinite(value) else None for name, value in vars(self.judgement).items()}
        return {"what": self.what, "method": self.method, "allowed": self.allowed, **judged}


@dataclass(frozen=True)
class Choice:
    """What was chosen: the graph, the method it was made by, and the blocks that stay float."""

    model: onnx.ModelProto
    method: str
    kept_float: list[Block]


Make = Callable[[str, Sequence[Block]], onnx.ModelProto]
Judge = Callable[[onnx.ModelProto], Judgement]


class Search:
    """Tries graphs one after the other, at most ``most_trials`` of them.

    Parameters
    ----------
    make : callable
        Makes the graph of a method and the blocks that are int8 in it.
    judge : callable
        Returns the `Judgement` of a graph; the same for the same graph.
    limits : Limits
        What the graph chosen may differ by.
    report : callable
        Called with each `Trial` when it is done.

    Attributes
    ----------
    trials : list of Trial
        In the order in which they were made.
    """

    def __init__(self, make: Make, judge: Judge, limits: Limits, report: Callable[[Trial], None]) -> None:
        self.trials: list[Trial] = []
        self._make, self._judge, self._limits, self._report = make, judge, limits, report

    def choose(self, blocks: Sequence[Block], methods: Sequence[Sequence[str]]) -> Choice:
        """Return the graph that is within the limits with as few blocks in float as the search finds.

        All blocks in int8 by each method of the first group; where none is within the limits, by those of the next,
        which are slower. The best method stays. If that is not within the limits: each block alone in int8, for the
        harm that it does; then the most harmful ones go back to float, as many as bisection finds necessary. The graph
        that is returned has been judged itself.

        Raises
        ------
        CeresFastError
            When nothing can be int8 within the limits, or the float graph itself is not.
        """
        tried = []
        for group in methods:
            tried += [(method, *self._try("all", method, blocks)) for method in group]
            method, model, whole = min(tried, key=lambda each: (not each[2].allowed, _harm(each[2])))
            if whole.allowed:
                return Choice(model, method, [])
        self._check_float()
        harms = [_harm(self._try(f"{block.name} alone", method, [block])[1]) for block in blocks]
        ranked = sorted(range(len(blocks)), key=lambda number: harms[number], reverse=True)
        enough: Choice | None = None
        too_few, many = 0, len(blocks)
        while many - too_few > 1:
            count = (too_few + many) // 2
            back = set(ranked[:count])
            chosen = [block for number, block in enumerate(blocks) if number not in back]
            model, trial = self._try(f"all but {count} of {len(blocks)} blocks", method, chosen)
            if trial.allowed:
                many = count
                enough = Choice(model, method, [block for block in blocks if block not in chosen])
            else:
                too_few = count
        if enough is None:
            raise CeresFastError(
                f"Not exported: not one of {len(blocks)} blocks can be int8 without {self._excess(whole)}. "
                "Export it as float16."
            )
        return enough

    def _check_float(self) -> None:
        trial = self._try("nothing", "", [])[1]
        if not trial.allowed:
            raise CeresFastError(
                f"Not exported: before anything is int8, the graph differs by {self._excess(trial)}. Check the "
                "validation stamps, and that they are of the classifier's records."
            )

    def _try(self, what: str, method: str, blocks: Sequence[Block]) -> tuple[onnx.ModelProto, Trial]:
        model = self._make(method, blocks)
        judgement = self._judge(model)
        # "Not above" would let NaN pass.
        allowed = judgement.recall_loss <= self._limits.recall_loss and judgement.changed <= self._limits.changed
        trial = Trial(what, method, judgement, allowed)
        self.trials.append(trial)
        self._report(trial)
        return model, trial

    def _excess(self, trial: Trial) -> str:
        judgement, limits = trial.judgement, self._limits
        return (
            f"a loss of recall of {judgement.recall_loss:.2%} (allowed {limits.recall_loss:.2%}) "
            f"and {judgement.changed:.2%} changed decisions (allowed {limits.changed:.2%})"
        )


def most_trials(blocks: int, methods: int) -> int:
    """Return how many graphs `Search.choose` judges at most."""
    return methods + 1 + blocks + math.ceil(math.log2(max(blocks, 1)))


def _harm(trial: Trial) -> float:
    """Order trials: by what differs on all stamps, because few asteroids are lost or kept by chance."""
    return math.inf if math.isnan(trial.judgement.difference) else trial.judgement.difference
