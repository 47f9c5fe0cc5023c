"""int8: a float graph with quantizing and dequantizing nodes, in the form that TensorRT and ONNX Runtime can run.

Weights are int8 with a scale per output channel, activations int8 with a scale per tensor, both symmetric about 0;
biases stay float32. So do normalising and upscaling, because raw pixels have no range, and the layer that gives the
logits. Everything else starts as int8, after the channels of each tensor were made of like size. Where that loses too
much recall, the sums of residual blocks become float32 first, because their rounding adds up from block to block, and
then whole blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import onnx

from ...errors import CeresFastError
from ..proof.tolerances import TOLERANCES, Tolerances
from .block_search import Block, BlockSearch, Score, Trial, TrialScores, blocks_of, most_trials
from .equalise import equalise_channels
from .float_graph import prepare
from .insert import finish, insert_quantizing, with_description_of
from .ranges import BATCH, FEWEST, METHODS, calibration_stamps, ranges_of

__all__ = ["Quantised", "Trial", "TrialScores", "calibration_stamps", "quantise"]

_SUM = "Add"
"""ONNX's operator for the sum of a residual block."""


class _Variant(NamedTuple):
    """How a graph is made: the row of `METHODS` for its ranges, and whether sums are int8."""

    ranges: str
    sums: bool

    @property
    def name(self) -> str:
        return self.ranges if self.sums else f"{self.ranges}, sums in float32"


_VARIANTS = tuple(tuple(_Variant(ranges, sums) for ranges in METHODS) for sums in (True, False))
"""In groups: the second, with sums in float32, is slower and only tried where the first loses too much."""


@dataclass(frozen=True)
class Quantised:
    """An int8 graph and how it came about.

    Attributes
    ----------
    model : onnx.ModelProto
        The graph: inputs, outputs and metadata of the float one.
    kept_float : list of str
        Blocks that stay float because of the recall that int8 would lose, by the name of their last Keras layer.
    trials : list of Trial
        Every graph that was tried; the last one allowed is this.
    method : str
        How the ranges of the activations were found (row of ``METHODS``), and what else is float.
    weighted, weighted_int8 : int
        Layers with weights in all blocks, and how many of them are int8.
    """

    model: onnx.ModelProto
    kept_float: list[str]
    trials: list[Trial]
    method: str
    weighted: int
    weighted_int8: int

    def as_dict(self) -> dict[str, Any]:
        """Return how it came about, as plain values that JSON can hold."""
        names = ("method", "weighted", "weighted_int8", "kept_float")
        return {name: getattr(self, name) for name in names} | {"trials": [trial.as_dict() for trial in self.trials]}

    def text(self) -> str:
        """Return one line about it."""
        kept = f"; float32 stay {', '.join(self.kept_float)}" if self.kept_float else ""
        return (
            f"int8: {self.weighted_int8} of {self.weighted} layers, ranges by {self.method}, "
            f"{len(self.trials)} graphs tried{kept}"
        )


def quantise(
    model: onnx.ModelProto,
    ranges: np.ndarray,
    score: Score,
    tolerances: Tolerances = TOLERANCES["int8"],
    report: Callable[[Trial], None] = lambda trial: None,
    views: int = 1,
) -> Quantised:
    """Return `model` in int8, as much of it as loses no more than allowed.

    Parameters
    ----------
    model : onnx.ModelProto
        Float32 graph of a classifier; stays as it is.
    ranges : numpy.ndarray
        Stamps of the training split that the ranges of the activations are measured on (`calibration_stamps`), float32,
        (n, 32, 32, planes), axes (y, x, plane), in ADU. At least 32, all finite.
    score : callable
        Takes a graph and returns its `TrialScores` on validation stamps. Called at most `most_trials` times: twice
        when all can be int8, four times when the sums must be float, up to 34 times (24 blocks) when more must. It is
        given graphs as TensorRT would run them, with signed integers: their zero points are not yet named for a CPU
        (`ceres_fast.export.quantise.insert`), where unsigned ones keep values that int8 cuts off.
    tolerances : Tolerances
        What may be lost on these stamps.
    report : callable, optional
        Called with each `Trial` when it is done: for those who wait.
    views : int
        How many stamps the graph makes of each that it is given: fewer are then given at a time.

    Returns
    -------
    Quantised
        The same for the same model, stamps and scores.

    Raises
    ------
    CeresFastError
        When the stamps are too few or not finite, an activation is not finite, nothing can be int8 within the
        tolerances, or the float graph itself is not within them.
    """
    _check(model, ranges)
    # Of one stamp, values may be so nearly the same that a histogram of them cannot be made.
    batch = max(2, BATCH // views)
    ready = equalise_channels(prepare(model), ranges, batch)
    blocks = blocks_of(ready)
    if not blocks:
        raise CeresFastError("Not exported: the graph has no layers that could be int8. Export it as float16.")
    measured = {method: ranges_of(ready, ranges, method, batch) for method in METHODS}

    operators = {node.name: node.op_type for node in ready.graph.node}
    has_sums = any(operators[name] == _SUM for block in blocks for name in block.nodes)
    variants = {each.name: each for group in _VARIANTS for each in group if each.sums or has_sums}

    def make(name: str, chosen: Sequence[Block]) -> onnx.ModelProto:
        nodes = [node for block in chosen for node in block.nodes if variants[name].sums or operators[node] != _SUM]
        made = insert_quantizing(ready, nodes, measured[variants[name].ranges]) if nodes else ready
        return with_description_of(made, model)

    search = BlockSearch(make, score, tolerances, report)
    groups = [[each.name for each in group if each.name in variants] for group in _VARIANTS]
    choice = search.choose(blocks, [group for group in groups if group])
    assert len(search.trials) <= most_trials(len(blocks), len(variants))
    weighted = sum(block.weighted for block in blocks)
    return Quantised(
        finish(choice.model, ready, model),
        [block.name for block in choice.kept_float],
        search.trials,
        choice.method,
        weighted,
        weighted - sum(block.weighted for block in choice.kept_float),
    )


def _check(model: onnx.ModelProto, stamps: np.ndarray) -> None:
    if len(stamps) < FEWEST:
        raise CeresFastError(
            f"Not exported: {len(stamps)} stamps to measure the ranges of int8 on; expected {FEWEST} or more."
        )
    sizes = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim]
    if list(stamps.shape[1:]) != sizes[1:]:
        raise CeresFastError(f"Not exported: stamps of shape {stamps.shape[1:]}; expected {tuple(sizes[1:])}.")
    if not (finite := np.isfinite(stamps).all(axis=(1, 2, 3))).all():
        raise CeresFastError(
            f"Not exported: {np.sum(~finite)} of the stamps to measure the ranges of int8 on have pixels that are not "
            "finite. Build the records again: they hold none."
        )
