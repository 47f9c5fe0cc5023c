"""What an engine is built for: its options, and its optimisation profiles.

TensorRT chooses the kernels of a profile once, for its best batch size, and uses them for every size from its least
to its most; with one profile for all, a single stamp would run on the kernels of the largest batch. So each batch size
that was asked for has a profile of its own. Every profile starts at one stamp, so that the rest of a night runs in the
tightest profile that holds it; and the largest comes first, so that profile 0, which is selected where nobody selects,
takes every size.

TensorRT-RTX makes kernels for the shapes that it meets while it runs: further profiles would only repeat the kernels
that serve until then (three profiles of a tiny network: 2.0 MB, one: 0.7 MB).

Sources: NVIDIA TensorRT documentation, "Working with Dynamic Shapes"; TensorRT-RTX documentation, "Working with Dynamic
Shapes".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from ...errors import CeresFastError
from ...schema import check
from ..batches import BATCHES
from ..gpus import is_capability

CURRENT = "current"
"""In place of a compute capability: that of the GPU which is there while the engine is built."""

LARGEST_BATCH = 65536
"""Stamps; a float32 batch of that size is 268 MB of pixels, and far more inside a backbone."""


Batch = Annotated[int, Meta(ge=1, le=LARGEST_BATCH)]
Batches = Annotated[tuple[Batch, ...], Meta(min_length=1, max_length=1000, title="a list of batch sizes")]

COMMAND_LINE = {
    "batches": "--batch",
    "workspace_mib": "--workspace",
    "compute_capabilities": "--compute-capability",
    "version_compatible": "--version-compatible",
    "hardware_compatible": "--hardware-compatible",
    "timing_cache": "--timing-cache",
}
"""How the command line calls each of `EngineOptions`."""


@dataclass(frozen=True)
class EngineOptions:
    """How to build an engine.

    Attributes
    ----------
    batches : tuple of int
        Batch sizes the engine is made fast for; the largest is the largest it takes. Sorted, each once.
    workspace_mib : int or None
        Most scratch memory of the GPU that a layer may use, MiB; None: all that TensorRT would take.
    compute_capabilities : tuple of str
        TensorRT-RTX: the GPUs to build for, ``("8.6", "8.9")``, or ``("current",)``; empty: its own choice (Ampere and
        later, GeForce and workstation).
    version_compatible : bool
        TensorRT: let later versions run the engine too; it then carries a runtime of its own, and may be slower.
    hardware_compatible : bool
        TensorRT: let other GPUs run the engine too; it may be slower.
    timing_cache : pathlib.Path or None
        TensorRT: a file that keeps what was timed, so that the next engine is built sooner.

    Raises
    ------
    CeresFastError
        When a value is not what it may be.
    """

    batches: Batches = BATCHES
    workspace_mib: Annotated[int, Meta(ge=1, lt=2**30, title="MiB, at least 1")] | None = None
    compute_capabilities: tuple[str, ...] = ()
    version_compatible: bool = False
    hardware_compatible: bool = False
    # Not stored, and therefore not compared: it is a path of this machine, and decides only how long a build takes.
    timing_cache: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        # No repeats, in order: so that equal options are equal.
        object.__setattr__(self, "batches", tuple(sorted(set(self.batches))))
        object.__setattr__(self, "compute_capabilities", tuple(dict.fromkeys(self.compute_capabilities)))
        if not self.batches or not all(is_batch(size) for size in self.batches):
            raise CeresFastError(f"--batch: expected numbers from 1 to {LARGEST_BATCH}, got {list(self.batches)}.")
        if self.workspace_mib is not None and not 1 <= self.workspace_mib < 2**30:
            raise CeresFastError(f"--workspace: expected MiB, at least 1, got {self.workspace_mib}.")
        wanted = self.compute_capabilities
        if wanted != (CURRENT,) and not all(map(is_capability, wanted)):
            raise CeresFastError(
                f"--compute-capability: expected numbers such as 8.6, or {CURRENT} alone, got {', '.join(wanted)}."
            )

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored of the options, as JSON has it: all but the timing cache, a path of this machine."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.compare}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EngineOptions:
        """Return the options that `as_dict` made these values of.

        Raises
        ------
        Mismatch
            When values are missing, unknown or not what they may be.
        CeresFastError
            When they do not fit together.
        """
        check(values, cls, at="options")
        return cls(**{**values, **{name: tuple(values[name]) for name in ("batches", "compute_capabilities")}})


def is_batch(size: object) -> bool:
    """Whether `size` is a batch size."""
    return isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= LARGEST_BATCH


class Profile(NamedTuple):
    """Batch sizes of an optimisation profile: the least, the one that kernels are chosen for, and the most."""

    least: int
    best: int
    most: int


def profiles(batches: Sequence[int], *, per_batch: bool) -> tuple[Profile, ...]:
    """Return the profiles for these batch sizes, the largest first.

    Parameters
    ----------
    batches : sequence of int
        Batch sizes, at least one.
    per_batch : bool
        Whether each has its own (`Flavour.profile_per_batch`), or all one.
    """
    sizes = sorted(set(batches), reverse=True)
    return tuple(Profile(1, size, size) for size in (sizes if per_batch else sizes[:1]))


def profile_for(stamps: int, among: Sequence[Profile]) -> int:
    """Return the index of the profile with the fewest stamps too many.

    Raises
    ------
    ValueError
        When none takes so many.
    """
    fitting = [(each.most, index) for index, each in enumerate(among) if each.least <= stamps <= each.most]
    if not fitting:
        raise ValueError(f"no profile of {list(among)} takes {stamps} stamps")
    return min(fitting)[1]
