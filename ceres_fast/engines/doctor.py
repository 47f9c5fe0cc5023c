"""What this machine can run a classifier with, and why not with the rest: `ceres-fast doctor`."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
from rich.table import Column, Table
from rich.text import Text

from .. import __version__
from ..artifact.latest import resolve
from ..artifact.products import in_words
from ..console import console, warnings_kept
from ..errors import CeresFastError
from ..machine.cores import described
from ..stamps import PLANES, stamp_shape
from .agreement import agreement, probe_stamps
from .batches import Engine
from .gpus import Driver, driver
from .loading import load
from .packages import UNTRIED, Finding, installed, packages

_SHAPE = b"\x12\x17\n\x15\x08\x01\x12\x11\n\x03\x12\x01N\n\x02\x08 \n\x02\x08 \n\x02\x08\x01"
IDENTITY = (
    b'\x08\x08:m\n\x1e\n\x05stamp\x12\x0bprobability"\x08Identity\x12\x01g'
    b"Z \n\x05stamp" + _SHAPE + b"b&\n\x0bprobability" + _SHAPE + b"B\x04\n\x00\x10\x11"
)
"""An ONNX file that hands stamps (N, 32, 32, 1) on as they are: a provider that is listed may still not start."""

_DRIVER_ACTION = "install NVIDIA's driver; in a container, give it the GPUs (podman run --device nvidia.com/gpu=all)"


def examine(model: Path | None = None) -> list[Finding]:
    """Look at all that may run a classifier on this machine.

    Parameters
    ----------
    model : pathlib.Path, optional
        An exported classifier or a run folder, of which to say whether it runs here and with what.

    Returns
    -------
    list of Finding
        Always the same things in the same order, whatever is broken.
    """
    drivers = driver()
    checks: dict[str, Callable[[], Iterable[Finding]]] = {
        "Python": _python,
        "ONNX Runtime": _onnx_runtime,
        "NVIDIA driver": lambda: _gpus(drivers),
        "packages": lambda: packages(drivers),
    }
    if model is not None:
        checks["model"] = lambda: _model(model)
    return [finding for what, check in checks.items() for finding in _safely(what, check)]


def _safely(what: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds; one that fails is a finding too, because broken installations are what this is for."""
    try:
        yield from check()
    except Exception as error:
        yield Finding(what, False, why=f"looking at it failed: {type(error).__name__}: {error}")


def _python() -> Iterator[Finding]:
    system = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Finding("Python", True, f"{system}, {described()}")
    yield Finding("ceres-fast", True, __version__)


def _onnx_runtime() -> Iterator[Finding]:
    owners = sorted(set(packages_distributions().get("onnxruntime", ())))
    found = ", ".join(f"{owner} {installed(owner)}" for owner in owners)
    try:
        from .providers import PROVIDERS, SWAP
    except (ImportError, AttributeError, OSError) as error:  # AttributeError: its files went with the other package's
        action = "pip uninstall --yes onnxruntime onnxruntime-gpu, then pip install one of them"
        yield Finding("ONNX Runtime", False, found, f"it cannot be imported ({error})", action)
        return
    if len(owners) > 1:
        why = "they have the same files, and those of the one that came last are used"
        yield Finding("ONNX Runtime", True, found, why, f"keep one. For a GPU: {SWAP}")
    else:
        yield Finding("ONNX Runtime", True, found)
    for name in reversed(PROVIDERS):
        yield _provider(name)


def _provider(name: str) -> Finding:
    from .providers import NotStartedError, Onnx, short, start

    what = f"ONNX Runtime, {name}"
    shape = stamp_shape(PLANES[:1])
    try:
        session, _ = start(Onnx(IDENTITY, shape), name)
        session.run(None, {session.get_inputs()[0].name: np.zeros((1, *shape), np.float32)})
    except NotStartedError as error:
        return Finding(what, False, why=error.why, action=error.action)
    except Exception as error:  # ONNX Runtime's errors share no other base class
        return Finding(what, False, why=short(error))
    return Finding(what, True, f"--provider {name}", "" if name == "cpu" else UNTRIED)


def _gpus(drivers: Driver) -> Iterator[Finding]:
    found = f"CUDA up to {drivers.cuda}" if drivers.cuda else ""
    if drivers.problem:
        yield Finding("NVIDIA driver", False, found, drivers.problem, _DRIVER_ACTION)
        return
    yield Finding("NVIDIA driver", True, found)
    for number, gpu in enumerate(drivers.gpus):
        shown = f"{gpu.name}, compute capability {gpu.compute_capability}, {gpu.memory / 2**30:.0f} GiB"
        yield Finding(f"GPU {number}", True, shown)


def _model(path: Path) -> Iterator[Finding]:
    with warnings_kept() as warned:
        try:
            path = resolve(path, announce=False)  # its name is what is found, and says which run it is
            engine = load(path)
            compared = _compared(engine)
        except CeresFastError as error:
            yield Finding(str(path), False, why=str(error).removeprefix(f"{path}: ").rstrip("."))
            return
    made = engine.classifier
    found = f"{in_words(made)}, {made.precision}; runs in {engine.runtime}{compared}"
    yield Finding(str(path), True, found, "; ".join(warned))


def _compared(engine: Engine) -> str:
    """Run an engine, and return how far its answers are from its ONNX file's on the CPU; "" where that is what it is.

    Raises
    ------
    CeresFastError
        When it fails, or is farther away than rounding is.
    """
    if not engine.source.exists():
        engine.predict(probe_stamps(engine.classifier.planes))
        return f"; not compared with {engine.source.name}, which is not beside it"
    difference = agreement(engine, engine.source)
    on_cpu = engine.source == engine.path and difference == 0
    return "" if on_cpu else f"; within {difference:.0e} of {engine.source.name} on the CPU"


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as a JSON array of objects with the attributes of `Finding`."""
    return json.dumps([asdict(finding) for finding in findings], indent=2)


def show(findings: Sequence[Finding]) -> None:
    """Print the findings as a table; below it what to do, on lines that can be copied."""
    columns = [Column(name, overflow="fold") for name in ("", "usable", "found", "why")]
    drawn = Table(*columns, title="What this machine runs", title_justify="left")
    for finding in findings:
        usable = Text("yes", "green") if finding.usable else Text("no", "red")
        drawn.add_row(Text(finding.what), usable, Text(finding.found), Text(finding.why))
    console.print(drawn)
    for action, concerned in _actions(findings).items():
        console.print(f"{'; '.join(concerned)}: {action}")


def _actions(findings: Sequence[Finding]) -> dict[str, list[str]]:
    """Return what can be done, each once, and what it is good for."""
    actions: dict[str, list[str]] = {}
    for finding in findings:
        if finding.action:
            actions.setdefault(finding.action, []).append(finding.what)
    return actions
