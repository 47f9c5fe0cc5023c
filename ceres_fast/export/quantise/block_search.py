"""Which parts of a network stay float: its blocks, and a search among them by the recall that int8 loses."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import onnx

from ...errors import CeresFastError
from ..proof.tolerances import Tolerances
from .float_graph import constants, is_weighted, networks_of, quantisable
from .trial_scores import TrialScores

MOST_BLOCKS = 24
"""Each costs a trial when not all of a network can be int8."""


@dataclass(frozen=True)
class Block:
    """A part of a network.

    Attributes
    ----------
    name : str
        Keras's name of its last layer.
    nodes : tuple of str
        Names of its nodes that may become int8.
    weighted : int
        How many of them have weights.
    """

    name: str
    nodes: tuple[str, ...]
    weighted: int


def blocks_of(model: onnx.ModelProto, most: int = MOST_BLOCKS) -> list[Block]:
    """Divide each network where it is one tensor wide: between residual blocks, between mixed ones, and in a chain.

    Needs no names: Keras counts some of them over the whole process, and a convolution that has taken in its batch
    normalization has lost its own. What has no weights goes with what is before it. Of more than `most` parts, the
    neighbours with the fewest weighted nodes are put together.

    Parameters
    ----------
    model : onnx.ModelProto
        From `prepare`.
    most : int, default 24
        How many blocks at most.

    Returns
    -------
    list of Block
        In the order of the network; together all nodes of `quantisable`, each once.
    """
    blocks: list[Block] = []
    allowed, fixed = set(quantisable(model.graph)), constants(model.graph)
    for part in chain.from_iterable(_one_tensor_wide(nodes, fixed) for nodes in networks_of(model.graph)):
        block = _block([node for node in part if node.name in allowed], fixed)
        allowed.difference_update(block.nodes)  # layers that were frozen in training are shared by averaged networks
        if blocks and block.nodes and not block.weighted:
            blocks[-1] = _joined(blocks[-1], block)
        elif block.nodes:
            blocks.append(block)
    while len(blocks) > most:
        sizes = [left.weighted + right.weighted for left, right in pairwise(blocks)]
        at = sizes.index(min(sizes))
        blocks[at : at + 2] = [_joined(blocks[at], blocks[at + 1])]
    return blocks


def _one_tensor_wide(nodes: list[onnx.NodeProto], fixed: set[str]) -> list[list[onnx.NodeProto]]:
    """Cut the nodes after each one that leaves a single tensor for all that follow.

    In any topological order all that such a tensor is made from comes before it, and all else after it.
    """
    last_read = {name: number for number, node in enumerate(nodes) for name in node.input}
    live: set[str] = set()
    parts: list[list[onnx.NodeProto]] = [[]]
    for number, node in enumerate(nodes):
        parts[-1].append(node)
        live.difference_update(name for name in node.input if last_read[name] == number)
        live.update(name for name in node.output if name not in fixed)
        if len(live) == 1:
            parts.append([])
    return parts


def _block(nodes: list[onnx.NodeProto], fixed: set[str]) -> Block:
    weighted = sum(is_weighted(node, fixed) for node in nodes)
    return Block(_layer(nodes[-1], fixed) if nodes else "", tuple(node.name for node in nodes), weighted)


def _joined(left: Block, right: Block) -> Block:
    name = right.name if right.weighted else left.name
    return Block(name, left.nodes + right.nodes, left.weighted + right.weighted)


_LAYER_NAMES = (r"(?:^|/)base(?:_\d+)?/([^/]+)/", r"^[^/]+/([^/]+)/")
"""Where tf2onnx's paths hold the name of a layer: below the backbone's, or else below the model's."""


def _layer(node: onnx.NodeProto, fixed: set[str]) -> str:
    """Return Keras's name of the layer, from the path of the node or else of its weights."""
    for path in (node.name, *(name for name in node.input[1:2] if name in fixed)):
        for pattern in _LAYER_NAMES:
            if match := re.search(pattern, path):
                return match[1]
    return node.name


@dataclass(frozen=True)
class Trial:
    """A graph that was tried.

    Attributes
    ----------
    what : str
        What was int8 in it.
    method : str
        How it was made, a name of the caller's; "" where nothing was int8.
    scores : TrialScores
        What it would cost.
    allowed : bool
        Whether that is within the tolerances.
    """

    what: str
    method: str
    scores: TrialScores
    allowed: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, which has no number for what is not finite."""
        scores = {name: value if math.isfinite(value) else None for name, value in vars(self.scores).items()}
        return {"what": self.what, "method": self.method, "allowed": self.allowed, **scores}


@dataclass(frozen=True)
class BlockChoice:
    """What was chosen: the graph, the method it was made by, and the blocks that stay float."""

    model: onnx.ModelProto
    method: str
    kept_float: list[Block]


Make = Callable[[str, Sequence[Block]], onnx.ModelProto]
Score = Callable[[onnx.ModelProto], TrialScores]


class BlockSearch:
    """Tries graphs one after the other, at most ``most_trials`` of them.

    Parameters
    ----------
    make : callable
        Makes the graph of a method and the blocks that are int8 in it.
    score : callable
        Returns the `TrialScores` of a graph; the same for the same graph.
    tolerances : Tolerances
        What the graph chosen may differ by.
    report : callable
        Called with each `Trial` when it is done.

    Attributes
    ----------
    trials : list of Trial
        In the order in which they were made.
    """

    def __init__(self, make: Make, score: Score, tolerances: Tolerances, report: Callable[[Trial], None]) -> None:
        self.trials: list[Trial] = []
        self._make, self._score, self._tolerances, self._report = make, score, tolerances, report

    def choose(self, blocks: Sequence[Block], methods: Sequence[Sequence[str]]) -> BlockChoice:
        """Return the graph that is within the tolerances with as few blocks in float as the search finds.

        All blocks in int8 by each method of the first group; where none is within the tolerances, by those of the next,
        which are slower. The best method stays. If that is not within the tolerances: each block alone in int8, for the
        harm that it does; then the most harmful ones go back to float, as many as bisection finds necessary. The graph
        that is returned has been scored itself.

        Raises
        ------
        CeresFastError
            When nothing can be int8 within the tolerances, or the float graph itself is not.
        """
        tried = []
        for group in methods:
            tried += [(method, *self._try("all", method, blocks)) for method in group]
            method, model, whole = min(tried, key=lambda each: (not each[2].allowed, _harm(each[2])))
            if whole.allowed:
                return BlockChoice(model, method, [])
        self._check_float()
        harms = [_harm(self._try(f"{block.name} alone", method, [block])[1]) for block in blocks]
        ranked = sorted(range(len(blocks)), key=lambda number: harms[number], reverse=True)
        enough: BlockChoice | None = None
        too_few, many = 0, len(blocks)
        while many - too_few > 1:
            count = (too_few + many) // 2
            back = set(ranked[:count])
            chosen = [block for number, block in enumerate(blocks) if number not in back]
            model, trial = self._try(f"all but {count} of {len(blocks)} blocks", method, chosen)
            if trial.allowed:
                many = count
                enough = BlockChoice(model, method, [block for block in blocks if block not in chosen])
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
        scores = self._score(model)
        # "Not above" would let NaN pass.
        allowed = scores.recall_loss <= self._tolerances.recall_loss and scores.changed <= self._tolerances.changed
        trial = Trial(what, method, scores, allowed)
        self.trials.append(trial)
        self._report(trial)
        return model, trial

    def _excess(self, trial: Trial) -> str:
        scores, allowed = trial.scores, self._tolerances
        return (
            f"a loss of recall of {scores.recall_loss:.2%} (allowed {allowed.recall_loss:.2%}) "
            f"and {scores.changed:.2%} changed decisions (allowed {allowed.changed:.2%})"
        )


def most_trials(blocks: int, methods: int) -> int:
    """Return how many graphs `BlockSearch.choose` tries at most."""
    return methods + 1 + blocks + math.ceil(math.log2(max(blocks, 1)))


def _harm(trial: Trial) -> float:
    """Order trials: by what differs on all stamps, because few asteroids are lost or kept by chance."""
    return math.inf if math.isnan(trial.scores.difference) else trial.scores.difference
