"""The plan of a folder of experiments: which runs, of which records, with which options; and that it stays so."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from ..errors import CeresFastError, InputError
from ..files import write_text
from ..model.backbones import EXPERIMENTS, IMAGENET
from ..records.manifest import MANIFEST, Manifest, load_manifest
from ..records.tolerance import needed
from ..settings.defaults import PAPER
from ..settings.guarantee import Guarantee
from ..settings.training import OPTIONS
from ..training.config import RunConfig, as_written, read_config, write_config
from ..training.members import Member
from ..training.report import require_tensorboard
from ..training.runs import CONFIG

PLAN = "plan.toml"
CACHE = "cache"
"""Folder of the prefix cache in that of the experiments, unless another is named."""

EACH = ("backbone", "experiment", "seed")
"""Options of `ceres-fast train` by which the runs differ."""

_NEEDED = ("train", "validation", "test")


@dataclass(frozen=True)
class Plan:
    """Runs of all backbones, experiments and seeds; `planned` checks that they can be meant.

    Attributes
    ----------
    backbones : tuple of str
        Rows of `IMAGENET`, in that order.
    experiments : tuple of int
        Rows of `EXPERIMENTS`, in that order.
    first_seed, seeds : int
        The first seed, and how many there are of each row.
    options : mapping
        Options of `ceres-fast train` that all runs have in common: all but `EACH`.
    guarantee : Guarantee
        Of the operating point.
    manifest : Manifest
        Of the records.
    """

    backbones: tuple[str, ...]
    experiments: tuple[int, ...]
    first_seed: int
    seeds: int
    options: Mapping[str, Any]
    guarantee: Guarantee
    manifest: Manifest

    def members(self, out: Path) -> list[Member]:
        """Return the runs: all seeds of a backbone and experiment follow each other, because they share a cache."""
        return [
            Member(out / f"{backbone}-experiment{experiment}-seed{seed}", backbone, experiment, seed)
            for backbone in self.backbones
            for experiment in self.experiments
            for seed in range(self.first_seed, self.first_seed + self.seeds)
        ]

    def begin(self, out: Path) -> None:
        """Write the plan into its folder, or make sure that it is the one there.

        ``config.toml`` has the common options of the runs, ``plan.toml``, which is written last, the others.

        Raises
        ------
        InputError
            When a file there cannot be read.
        CeresFastError
            When the folder was begun with other options or records.
        """
        if not (out / PLAN).exists():
            write_config(out, self.options)
            write_text(out / PLAN, tomli_w.dumps(self._as_dict()))
        began = _read(out / PLAN) | _read(out / CONFIG)
        now = self._as_dict() | as_written(self.options)
        if began.get("manifest_sha256") != now["manifest_sha256"]:
            raise CeresFastError(
                f"{out}: was begun with other records than {self.manifest.folder} holds now. Choose another --out."
            )
        for name in sorted((began.keys() | now.keys()) - {"records"}):
            if began.get(name) != now.get(name):
                raise CeresFastError(
                    f"{out}: was begun with {name} = {_shown(began.get(name))}, and this says {_shown(now.get(name))}."
                    " The same command goes on with it; for other options choose another --out."
                )
        if began.get("records") != now["records"]:  # the same, and they have been moved
            write_config(out, self.options)

    def _as_dict(self) -> dict[str, Any]:
        return {
            "backbones": list(self.backbones),
            "experiments": list(self.experiments),
            "seed": self.first_seed,
            "seeds": self.seeds,
            **asdict(self.guarantee),
            "manifest_sha256": self.manifest.sha256,
        }


def planned(
    out: Path,
    *,
    backbones: str = "",
    experiments: str = "",
    seeds: int | None = None,
    config: Path | None = None,
    options: Mapping[str, Any],
    guarantee: Guarantee,
) -> Plan:
    """Put together what the command line and a configuration file say.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the experiments; the cache is in it unless an option names another.
    backbones, experiments : str
        Names and numbers with commas between; empty for all.
    seeds : int, optional
        Runs of each; without it what `config` says, or 1.
    config : pathlib.Path, optional
        Options of `ceres-fast train`; which backbone and experiment it names does not matter.
    options : mapping
        Options of `ceres-fast train` that were given on the command line, which override it.
    guarantee : Guarantee
        Of the operating point.

    Raises
    ------
    InputError
        When records or configuration cannot be read, or a split is empty.
    CeresFastError
        When options cannot be meant, or contradict each other: what would make every run fail.
    """
    default = {name: each.default for name, each in OPTIONS.items() if name != "seeds"} | PAPER
    common = default | {"cache_dir": str(out / CACHE)} | (read_config(config) if config else {})
    common |= options
    common["records"] = str(common["records"])
    count, first_seed = seeds or common.get("seeds", 1), common["seed"]
    shared = {name: value for name, value in common.items() if name not in (*EACH, "seeds")}
    names = _chosen("--backbones", backbones, {name: name for name in IMAGENET})
    numbers = _chosen("--experiments", experiments, {str(number): number for number in EXPERIMENTS})
    _check(shared, names, first_seed + count - 1)
    needed(guarantee.max_loss, guarantee.confidence)  # refuses what cannot be guaranteed
    manifest = load_manifest(Path(shared["records"]))
    for split in _NEEDED:
        if not manifest.count(split):
            raise InputError(
                manifest.folder / MANIFEST, f"has no stamps in the {split} split", action="build larger records"
            )
    return Plan(names, numbers, first_seed, count, shared, guarantee, manifest)


def _chosen(option: str, text: str, table: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the rows of a table that a text names with commas between, in the order of the table; empty: all."""
    words = [word.strip() for word in text.split(",")] if text else list(table)
    if strange := [word for word in words if word not in table]:
        raise CeresFastError(
            f"{option} {text}: there is no {strange[0]!r}; expected some of {', '.join(table)}, with commas between."
        )
    return tuple(row for name, row in table.items() if name in words)


def _check(options: Mapping[str, Any], backbones: Sequence[str], last_seed: int) -> None:
    if options["start_from"] is not None:
        raise CeresFastError(
            "from: a configuration of experiments cannot have it: each begins with the weights of its backbone. "
            "Leave it out."
        )
    if len(backbones) > 1 and options["weights"] not in ("imagenet", "none"):
        raise CeresFastError(
            "--weights PATH: is of one backbone. Name that with --backbones, or choose imagenet or none."
        )
    settings = RunConfig.of({**options, "backbone": backbones[0]}).settings
    replace(settings, seed=last_seed)
    if settings.tensorboard:
        require_tensorboard()


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", action="choose another --out") from error
    except ValueError as error:
        raise InputError(path, f"is not valid TOML ({error})", action="choose another --out") from error


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)
