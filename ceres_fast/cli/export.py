"""The command that makes of a classifier what runs it elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from .options import LATEST, RECORDS, Overwrite

ENGINE = "Engine options"


def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="[RUN]", help="Run directory; for an engine or Triton also a file that was exported before."
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
    overwrite: Overwrite = False,
    batch: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N]",
            help="Batch sizes that an engine or a server is made fast for; the largest it takes (default: 1,64,1024).",
        ),
    ] = None,
    workspace: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="MiB", help="Most scratch memory on the GPU (default: all).", rich_help_panel=ENGINE
        ),
    ] = None,
    compute_capability: Annotated[
        str,
        typer.Option(
            metavar="X.Y[,X.Y]",
            help="TensorRT-RTX: the GPUs to build for, as in 8.0,8.6, or current (default: its own choice).",
            rich_help_panel=ENGINE,
        ),
    ] = "",
    version_compatible: Annotated[
        bool,
        typer.Option("--version-compatible", help="TensorRT: later versions may run it too.", rich_help_panel=ENGINE),
    ] = False,
    hardware_compatible: Annotated[
        bool,
        typer.Option("--hardware-compatible", help="TensorRT: other GPUs may run it too.", rich_help_panel=ENGINE),
    ] = False,
    timing_cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="TensorRT: keeps what was timed, for the next engine.", rich_help_panel=ENGINE
        ),
    ] = None,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Compare float16 or int8 with float32, layer by layer; needs polygraphy."),
    ] = False,
) -> None:
    """Export a classifier for other machines; fails where its ONNX file does not answer as Keras does."""
    from ..export import BATCHES, export

    given: dict[str, Any] = {
        "workspace_mib": workspace,
        "compute_capabilities": _words(compute_capability),
        "version_compatible": version_compatible,
        "hardware_compatible": hardware_compatible,
        "timing_cache": timing_cache,
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
        overwrite=overwrite,
        batches=batches,
        options=options,
        debug=debug,
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _sizes(text: str) -> tuple[int, ...]:
    words = _words(text)
    if not words or not all(word.isdecimal() and int(word) for word in words):
        raise typer.BadParameter("expected numbers from 1, such as 1,64,1024.", param_hint="--batch")
    return tuple(map(int, words))
