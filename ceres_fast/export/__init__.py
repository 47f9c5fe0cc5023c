"""Make of a trained classifier what runs it elsewhere: a proven ONNX file, and of it an engine or a repository.

Nothing heavy is imported before it is needed: where an engine is made of an ONNX file there may be no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from ..artifact.classifier import EXPORTED, VIEWS, Classifier, read_classifier
from ..artifact.latest import resolve
from ..artifact.products import PRECISIONS, default_precision
from ..callable_module import make_callable
from ..engines.batches import BATCHES
from ..errors import CeresFastError
from ..files import StrPath

if TYPE_CHECKING:
    from ..engines.tensorrt.flavours import EngineOptions

__all__ = ["BATCHES", "TARGETS", "Request", "export"]

REPOSITORY = "triton"
"""Name of the model repository, beside the ONNX file."""


@dataclass(frozen=True)
class Request:
    """What is to be made, and of what.

    Attributes
    ----------
    source : pathlib.Path
        A run, or a file that was exported before.
    precision : str or None
        Of the product: one of `PRECISIONS`; None: as in training.
    records : pathlib.Path or None
        Records to prove the product on.
    output : pathlib.Path or None
        Where the product goes; None: into the run.
    overwrite : bool
        Whether to replace what is at `output`.
    options : EngineOptions or None
        How to build an engine; None: for `batches`.
    batches : tuple of int
        Batch sizes to be ready for.
    debug : bool
        Whether to compare the graph with the float32 one tensor by tensor.
    """

    source: Path
    precision: str | None = None
    records: Path | None = None
    output: Path | None = None
    overwrite: bool = False
    options: EngineOptions | None = None
    batches: tuple[int, ...] = BATCHES
    debug: bool = False

    @property
    def is_product(self) -> bool:
        """Whether the source is a file that was exported before, or its name says that it should be, not a run."""
        return self.source.suffix in EXPORTED or (self.source.is_file() and self.source.suffix != ".json")


def export(
    run: StrPath,
    *,
    to: str = "onnx",
    precision: str | None = None,
    records: StrPath | None = None,
    output: StrPath | None = None,
    overwrite: bool = False,
    batches: Sequence[int] = BATCHES,
    options: EngineOptions | None = None,
    debug: bool = False,
    views: int = 1,
    members: Sequence[StrPath] = (),
    cascade: StrPath | None = None,
) -> Path:
    """Export the classifier of a run, and refuse the export unless its ONNX file answers as Keras does.

    The comparison is printed, and stored beside the ONNX file as ``<its stem>.proof.json``.

    Parameters
    ----------
    run : path
        Run directory (or its ``classifier.json``). For an engine and for Triton also an ONNX file that was exported
        (for Triton, an engine file as well): neither run nor TensorFlow are needed then.
    to : str
        Row of `TARGETS`: ``"onnx"``, ``"tensorrt"``, ``"tensorrt-rtx"`` or ``"triton"``. All but the first are made of
        the run's ONNX file in that precision, which is exported first where it is not there or not up to date.
    precision : {'float32', 'float16', 'int8'}, optional
        What the product computes in; without it the precision of training (float32 for bfloat16).
    records : path, optional
        Records: stamps of their test split must give the same answers. int8 needs them, for its ranges (training split)
        and to choose what stays in floating point (validation split). An engine is proven on them too, where it runs on
        this machine.
    output : path, optional
        The ONNX file; the engine file, or a folder for it; the model repository. Without it, in the run directory,
        where the product of before is replaced.
    overwrite : bool
        Replace `output` where it exists.
    batches : sequence of int
        Batch sizes that an engine or a server is made fast for; the largest is the largest one it takes.
    options : EngineOptions, optional
        How to build an engine; takes the place of `batches`.
    debug : bool
        Compare the graph with the float32 one tensor by tensor, also where the proof fails: printed, and written beside
        the product.
    views : {1, 8}
        8: the probabilities are the mean over the flips and rotations of a stamp, inside the graph.
    members : sequence of path
        Runs whose probabilities are averaged with those of `run`, inside the graph. What is exported is then, as with
        `views`, an average: a classifier of its own, in a folder in that of `run` (docs/export.md#averages), with its
        own threshold.
    cascade : path, optional
        A larger run, calibrated, that is asked about the stamps of which `run` is not sure that they are no asteroid,
        inside the graph (docs/export.md#cascades). It is a classifier of its own, as an average is. Needs `records`.

    Returns
    -------
    pathlib.Path
        The ONNX file, the engine file, or the folder of the new version in the repository.

    Raises
    ------
    CeresFastError
        When `output` exists or has another kind of name, the product is beyond the tolerances of its precision
        (`ceres_fast.export.proof.tolerances`), the run has changed meanwhile, records are needed and missing, or the
        disk refuses. What was there before is then there still, and nothing that looks finished is left.
    InputError
        When the run, the records or an exported file are damaged, or the runs of an average do not fit each other.

    Examples
    --------
    >>> file = ceres_fast.export("runs/second", records="records", output="second.onnx")
    >>> ceres_fast.load(file).classifier.backbone
    'xception'
    """
    for name, value, known in (("--to", to, TARGETS), ("--precision", precision or PRECISIONS[0], PRECISIONS)):
        if value not in known:
            raise CeresFastError(f"{name} {value}: expected one of {', '.join(known)}.")
    sizes = tuple(batches) if options is None else options.batches
    if views not in VIEWS:
        raise CeresFastError(f"--views {views}: expected one of {', '.join(map(str, VIEWS))}.")
    source = resolve(Path(run))
    records = None if records is None else Path(records)
    output = None if output is None else resolve(Path(output), announce=False)
    request = Request(source, precision, records, output, overwrite, options, sizes, debug)
    if cascade is not None and (views != 1 or members):
        raise CeresFastError("--cascade: is of two networks. Leave out --views and --members.")
    if cascade is not None:
        request = replace(request, source=_cascade(request, Path(cascade)))
    if views != 1 or members:
        others = [Path(each) for each in ([members] if isinstance(members, str | PathLike) else members)]
        request = replace(request, source=_average(request, others, views))
    return TARGETS[to](request)


def _average(request: Request, others: Sequence[Path], views: int) -> Path:
    """Return the folder of the average of the source and others, which is exported in place of it."""
    from .averages import write_average

    run, *rest = _runs(request, others)
    return write_average(run, rest, views)


def _cascade(request: Request, larger: Path) -> Path:
    """Return the folder of the cascade of the source and a larger run, which is exported in place of it."""
    from .averages import write_average
    from .cascades import start_of

    run, asked = _runs(request, [larger])
    return write_average(run, [asked], cascade_from=start_of(run, asked, request.records))


def _runs(request: Request, others: Sequence[Path]) -> list[Classifier]:
    from .averages import check_members

    found = []
    for source in (request.source, *(resolve(each) for each in others)):
        if Request(source).is_product:
            raise CeresFastError(f"{source}: is exported already. Name the runs that it is to be made of.")
        found.append(_trained(replace(request, source=source))[0])
    check_members(found)
    return found


def _to_onnx(request: Request) -> Path:
    if request.is_product:
        raise CeresFastError(f"{request.source}: is exported already. Name a run directory.")
    return _write_onnx(request, *_trained(request), request.output)


def _to_engine(flavour: str, request: Request) -> Path:
    from ..engines.tensorrt.flavours import EngineOptions
    from .engine_files import write_engine

    options = request.options or EngineOptions(batches=request.batches)
    product = _product(request)
    return write_engine(
        product, flavour, options, output=request.output, overwrite=request.overwrite, records=request.records
    )


def _to_triton(request: Request) -> Path:
    from .triton import write_repository

    product = _product(request)
    return write_repository(product, request.output or product.with_name(REPOSITORY), batches=request.batches)


TARGETS: dict[str, Callable[[Request], Path]] = {
    "onnx": _to_onnx,
    "tensorrt": partial(_to_engine, "tensorrt"),
    "tensorrt-rtx": partial(_to_engine, "tensorrt-rtx"),
    "triton": _to_triton,
}
"""What makes each kind of product."""


def _product(request: Request) -> Path:
    """Return the exported file that the product is made of; of a run, its ONNX file, exported first where need be."""
    if request.is_product and request.precision:
        raise CeresFastError(f"{request.source}: has a precision of its own. Leave out --precision, or name a run.")
    if request.is_product and request.debug:
        raise CeresFastError(f"{request.source}: is exported already. Name the run for --debug.")
    if request.is_product:
        return request.source
    classifier, precision = _trained(request)
    from .onnx_file import up_to_date

    made = None if request.debug else up_to_date(classifier, precision, request.records)
    return made or _write_onnx(request, classifier, precision, output=None)


def _write_onnx(request: Request, classifier: Classifier, precision: str, output: Path | None) -> Path:
    from .onnx_file import write_onnx

    return write_onnx(
        classifier,
        precision,
        records=request.records,
        output=output,
        overwrite=request.overwrite,
        debug=request.debug,
    )


def _trained(request: Request) -> tuple[Classifier, str]:
    classifier = read_classifier(request.source)
    assert classifier.folder is not None
    if classifier.folder.is_symlink():
        # A link may point elsewhere before this ends.
        classifier = read_classifier(classifier.folder.resolve())
    return classifier, request.precision or default_precision(classifier)


make_callable(__name__, export)
