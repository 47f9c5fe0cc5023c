"""Where a product begins to differ: every tensor of two ONNX graphs, one beside the other."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from astropy.table import Table

from ..console import say, table
from ..engines.agreement import probe_stamps
from ..errors import CeresFastError, InputError
from ..files import atomic_file
from ..stamps import PLANE_SETS, stamp_shape

ROUNDING = {"float32": 1e-4, "float16": 1e-2, "int8": 0.2}
"""Relative error of a tensor that the rounding of a precision alone may leave, after about 100 layers."""

JUMP = 3.0
"""An error so many times larger than all before it begins at that tensor, and is not one that was passed on to it."""

STAMPS = 8
SHOWN = 20


@dataclass(frozen=True)
class Tensor:
    """A tensor that both graphs have.

    Attributes
    ----------
    name, operator : str
        Its name, and the ONNX operator whose output it is.
    shape : tuple of int
        For one stamp.
    error : float
        Root mean square of the difference, divided by that of the reference, of all stamps together. Infinite where
        only the reference is 0, NaN where one of them gives no number.
    """

    name: str
    operator: str
    shape: tuple[int, ...]
    error: float


@dataclass(frozen=True)
class Layerwise:
    """What `layerwise` found.

    Attributes
    ----------
    precision : str
        Of the product: float32, float16 or int8.
    tensors : list of Tensor
        In the order in which the reference computes them.
    left_out : int
        Tensors of the reference that the product does not have (`ceres_fast.export.debug`) or has in another
        shape, or that are not floating-point numbers.
    """

    precision: str
    tensors: list[Tensor]
    left_out: int

    @property
    def first(self) -> Tensor | None:
        """The first tensor whose error is more than rounding; None where there is none.

        It is not a number, or it is above `ROUNDING` and `JUMP` times the largest error before it.
        """
        largest = 0.0
        for tensor in self.tensors:
            if not tensor.error <= max(ROUNDING[self.precision], JUMP * largest):
                return tensor
            largest = max(largest, tensor.error)
        return None

    def show(self) -> None:
        """Print the worst tensors, in the order of the graph, and the first that jumps."""
        worst = sorted(self.tensors, key=lambda tensor: -np.nan_to_num(tensor.error, nan=np.inf))[:SHOWN]
        rows = [
            (each.name, each.operator, "x".join(map(str, each.shape)), f"{each.error:.1e}")
            for each in self.tensors
            if each in worst
        ]
        title = f"{self.precision} and float32: the {len(rows)} worst of {len(self.tensors)} tensors, in their order"
        table(title, ("tensor", "operator", "shape", "relative error"), rows)
        if self.first:
            say(f"the error jumps at {self.first.name} ({self.first.operator}): {self.first.error:.1e}")
        else:
            say(f"no tensor jumps: the error grows as rounding in {self.precision} does")

    def write(self, path: Path) -> None:
        """Write every tensor as a table (ECSV), whole or not at all."""
        columns = [
            [each.name for each in self.tensors],
            [each.operator for each in self.tensors],
            ["x".join(map(str, each.shape)) for each in self.tensors],
            np.array([each.error for each in self.tensors], np.float64),
        ]
        meta = {
            "precision": self.precision,
            "jumps_at": self.first.name if self.first else "",
            "left_out": self.left_out,
        }
        names = ("tensor", "operator", "shape", "relative_error")
        with atomic_file(path) as temporary:
            Table(columns, names=names, meta=meta).write(temporary, format="ascii.ecsv", overwrite=True)


def layerwise(reference: Path, product: Path, stamps: np.ndarray | None = None) -> Layerwise:
    """Compare the tensors that two ONNX files both have, by their names, in ONNX Runtime on the CPU.

    Both graphs are run as they are written, without the optimisations that would hide their tensors; int8 is then
    computed as the quantising and dequantising of its graph say. TensorRT is not needed.

    Parameters
    ----------
    reference, product : pathlib.Path
        The float32 ONNX file, and the one that differs.
    stamps : numpy.ndarray, optional
        float32 (n, 32, 32, planes), in ADU; without it `STAMPS` of the built-in ones. Each is run alone, so that all
        tensors of a large network fit into memory.

    Returns
    -------
    Layerwise

    Raises
    ------
    InputError
        When a file is not a graph of a classifier, ONNX Runtime cannot run it, or the two have no tensor in common.
    CeresFastError
        When polygraphy is not installed.
    """
    graphs = [_read(path) for path in (reference, product)]
    operators, others = (_operators(graph) for graph in graphs)
    shared = pairs(operators, others)
    if not shared:
        raise InputError(
            product,
            f"has no tensor with a name of {reference.name}",
            expected="a product of the same run",
            action="export both again, from the same run",
        )
    given = stamps if stamps is not None else _probes(graphs[0], reference)
    squares: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))
    shapes: dict[str, tuple[int, ...]] = {}
    for name, first, second in _tensors(graphs, shared, given, reference, product):
        if _comparable(first, second):
            squares[name] += _squares(first, second)
            shapes[name] = first.shape[1:]
    tensors = [Tensor(name, operators[name], shapes[name], _ratio(*squares[name])) for name in shared if name in shapes]
    return Layerwise(_precision(graphs[1]), tensors, len(operators) - len(tensors))


def _comparable(first: np.ndarray, second: np.ndarray) -> bool:
    numbers = all(np.issubdtype(each.dtype, np.floating) for each in (first, second))
    return numbers and first.shape == second.shape and first.size > 0


def _squares(reference: np.ndarray, product: np.ndarray) -> tuple[float, float]:
    """Return the sums of the squares of the difference and of the reference."""
    reference = reference.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinite in both: the error is not a number, and reported so
        return float(np.sum((product - reference) ** 2)), float(np.sum(reference**2))


def _ratio(difference: float, reference: float) -> float:
    if difference == 0:
        return 0.0
    return float(np.sqrt(difference / reference)) if reference else np.inf


def _read(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except Exception as error:  # protobuf's and the operating system's share no other base class
        raise InputError(path, f"cannot be read ({str(error)[:100]})", expected="an ONNX file") from error


def _operators(model: onnx.ModelProto) -> dict[str, str]:
    """Return {tensor: operator} of what is computed, in the order of the graph."""
    return {
        name: node.op_type for node in model.graph.node if node.op_type != "Constant" for name in node.output if name
    }


def _precision(model: onnx.ModelProto) -> str:
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        return "int8"
    half = any(each.data_type == onnx.TensorProto.FLOAT16 for each in model.graph.initializer)
    return "float16" if half else "float32"


def _probes(model: onnx.ModelProto, path: Path) -> np.ndarray:
    shape = tuple(each.dim_value for each in model.graph.input[0].type.tensor_type.shape.dim[1:])
    planes = next((each for each in PLANE_SETS if stamp_shape(each) == shape), None)
    if planes is None:
        raise InputError(path, f"takes {shape}", expected="stamps of 32x32 pixels and 1 or 3 planes")
    probes = probe_stamps(planes)
    return probes[np.linspace(0, len(probes) - 1, STAMPS).astype(int)]


def _tensors(
    graphs: list[onnx.ModelProto], names: dict[str, str], stamps: np.ndarray, reference: Path, product: Path
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    try:
        from polygraphy.backend.onnx import BytesFromOnnx, ModifyOutputs
        from polygraphy.backend.onnxrt import OnnxrtRunner, SessionFromOnnx
        from polygraphy.comparator import Comparator
        from polygraphy.logger import G_LOGGER
    except ImportError as error:
        raise CeresFastError("--debug needs polygraphy, which is not installed: pip install polygraphy.") from error
    plain = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    sessions = [
        SessionFromOnnx(BytesFromOnnx(ModifyOutputs(graph, list(outputs))), graph_optimization_level=plain)
        for graph, outputs in zip(graphs, (names, names.values()), strict=True)
    ]
    runners = [OnnxrtRunner(*each) for each in zip(sessions, ("reference", "product"), strict=True)]
    feeds = [{graphs[0].graph.input[0].name: stamp[None]} for stamp in stamps]
    try:
        # What it says on the screen is for its own command line.
        with G_LOGGER.verbosity(G_LOGGER.CRITICAL + 1):
            for (_, (first,)), (_, (second,)) in Comparator.run(runners, data_loader=feeds, streaming=True):
                for name, other in names.items():
                    yield name, first[name], second[other]
    except Exception as error:  # polygraphy's and ONNX Runtime's errors share no other base class
        raise InputError(
            product, f"cannot be run tensor by tensor ({str(error)[:200]})", expected=f"a graph like {reference.name}"
        ) from error


_COUNTER = re.compile(r"_+(\d+)(?=(?:_+\d+)*(?:[/:]|$))")
"""Numbers at the end of a part of a name: ``add_1_1/Add__52:0`` has 1, 1 and 52, and ``block2_sepconv1`` none."""


def pairs(reference: Iterable[str], product: Iterable[str]) -> dict[str, str]:
    """Return {name in the reference: name in the product} of the tensors that both have, in the reference's order.

    Parameters
    ----------
    reference, product : iterable of str
        Names of all tensors of each graph.

    Notes
    -----
    Keras numbers layers through a whole process, so that the second network of a kind has ``add_12`` where the first
    has ``add``, and tf2onnx numbers what it inserts. Names that are not the same are therefore compared without these
    counters; of several that are then equal, the first by its counters is the first of the other graph, and so on.
    Where one graph has more of them than the other, none is matched.
    """
    reference, product = list(reference), list(product)
    same = set(reference) & set(product)
    ours, theirs = (_alike(name for name in names if name not in same) for names in (reference, product))
    found = {name: name for name in same}
    for pattern, names in ours.items():
        if len(names) == len(theirs[pattern]):
            found |= zip(names, theirs[pattern], strict=True)
    return {name: found[name] for name in reference if name in found}


def _alike(names: Iterable[str]) -> defaultdict[str, list[str]]:
    """Return the names without counters, and those that become so, in the order of their counters."""
    alike = defaultdict(list)
    for name in sorted(names, key=lambda name: [int(each) for each in _COUNTER.findall(name)]):
        alike[_COUNTER.sub("", name)].append(name)
    return alike
