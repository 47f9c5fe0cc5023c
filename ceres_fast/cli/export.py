"""The command that makes of a classifier what runs it elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..machine.cores import compute_with
from ..settings.classifier import EngineBuild
from ..settings.option import only
from ..settings.shared import Shared
from .from_settings import from_settings
from .options import LATEST, RECORDS


@from_settings(engine=EngineBuild, shared=only(Shared, "overwrite"), computing=only(Shared, "threads"))
def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Run directory; for an engine or Triton also a file that was exported before."
        ),
    ] = LATEST,
    to: Annotated[
        Literal["onnx", "tensorrt", "tensorrt-rtx", "triton"],
        typer.Option(help="An ONNX file, an engine file of TensorRT or TensorRT-RTX, a model repository of Triton."),
    ] = "onnx",
    precision: Annotated[
        Literal["float32", "float16", "int8"] | None,
        typer.Option(help="What it computes in (default: as in training). int8 needs records."),
    ] = None,
    records: Annotated[
        Path | None,
        typer.Option(help="Records whose test stamps must give the same answers (default: records, where it exists)."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="The file; for an engine also a folder, for Triton the repository. Without it, in the run."),
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N]",
            help="Batch sizes that an engine or a server is made fast for; the largest it takes (default: 1,64,1024).",
        ),
    ] = None,
    views: Annotated[
        Literal["1", "8"],
        typer.Option(help="8: average over the flips and rotations of a stamp, in the graph, at 8 times the time."),
    ] = "1",
    members: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN",
            help="A further run: their probabilities are averaged, in the graph. Any number of times.",
        ),
    ] = None,
    cascade: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="A larger, calibrated run that is asked where this one is not sure that a stamp is no asteroid, in "
            "the graph. Needs records.",
        ),
    ] = None,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Compare float16 or int8 with float32, layer by layer; needs polygraphy."),
    ] = False,
    *,
    engine: EngineBuild,
    shared: dict[str, Any],
    computing: dict[str, Any],
) -> None:
    """Export a classifier for other machines; fails where its ONNX file does not answer as Keras does."""
    compute_with(**computing)
    from ..export import BATCHES, export

    given: dict[str, Any] = {
        "workspace_mib": engine.workspace,
        "compute_capabilities": _words(engine.compute_capability or ""),
        "version_compatible": engine.version_compatible,
        "hardware_compatible": engine.hardware_compatible,
        "timing_cache": engine.timing_cache,
    }
    if batch is not None and to == "onnx":
        raise typer.BadParameter("--batch is for engines and servers: an ONNX file takes batches of any size.")
    batches = BATCHES if batch is None else _sizes(batch)
    options = None
    if any(given.values()):
        if not to.startswith("tensorrt"):
            raise typer.BadParameter(f"engine options are for --to tensorrt or tensorrt-rtx, not {to}.")
        from ..engines.tensorrt.flavours import EngineOptions

        options = EngineOptions(batches=batches, **given)
    export(
        run,
        to=to,
        precision=precision,
        records=records or (RECORDS if RECORDS.is_dir() else None),
        output=output,
        batches=batches,
        options=options,
        debug=debug,
        views=int(views),
        members=members or (),
        cascade=cascade,
        **shared,
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _sizes(text: str) -> tuple[int, ...]:
    words = _words(text)
    if not words or not all(word.isdecimal() and len(word) < 10 and int(word) for word in words):
        raise typer.BadParameter("expected numbers from 1, such as 1,64,1024.", param_hint="--batch")
    return tuple(map(int, words))
