"""The files that say how a run came about: ``config.toml``, which repeats it, and ``provenance.json``."""

from __future__ import annotations

import os
import platform
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import tomli_w

from .. import __version__
from ..artifact.latest import resolve
from ..errors import InputError, OnError
from ..files import read_json, write_json, write_text
from ..libraries.tensorflow_quiet import keras, tf
from ..model.weights import weights_sha256
from ..records.manifest import MANIFEST, Manifest, load_manifest
from ..settings.training import OPTIONS, Settings
from .devices import describe
from .runs import CONFIG

PROVENANCE = "provenance.json"
PATHS = ("records", "cache_dir", "start_from")


def read_config(path: Path) -> dict[str, Any]:
    """Read a configuration file: options of `ceres-fast train`, any of them, in TOML.

    Parameters
    ----------
    path : pathlib.Path
        The file. Its keys are the options' names with underscores: ``batch_size``, ``from``.

    Returns
    -------
    dict
        Values that may be meant, by the names of `OPTIONS` (``start_from``, not ``from``).

    Raises
    ------
    InputError
        When the file cannot be read, is not TOML, or has an unknown key or a value that cannot be meant.
    """
    path = resolve(path)
    expected = "a configuration of `ceres-fast train` in TOML"
    try:
        with path.open("rb") as stream:
            found = tomllib.load(stream)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected=expected) from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise InputError(path, f"is not valid TOML ({error})", expected=expected) from error
    names = {each.key: name for name, each in OPTIONS.items()}
    for each, value in found.items():
        if each not in names:
            raise InputError(
                path, "is not an option of `ceres-fast train`", row=each, expected=f"one of {_list(names)}"
            )
        option = OPTIONS[names[each]]
        if not option.allows(value):
            raise InputError(path, f"is {_shown(value)}", row=each, expected=option.expected)
    return {names[each]: value for each, value in found.items()}


def read_written(folder: Path) -> dict[str, Any]:
    """Read the ``config.toml`` that `write_config` left in a folder; as `read_config`, but all options must be there.

    Raises
    ------
    InputError
        Also when an option is missing, as it may be in what another version wrote: its default may be another.
    """
    path = folder / CONFIG
    options = read_config(path)
    if missing := OPTIONS.keys() - options.keys() - {"start_from", "seeds"}:
        raise InputError(
            path,
            f"lacks {_list(OPTIONS[name].key for name in missing)}",
            expected=f"all options, as ceres-fast {__version__} writes them",
            action=f"go on with the ceres-fast that began it, or begin anew with --config {path}",
        )
    return options


def is_of_series(folder: Path) -> bool:
    """Return whether the ``config.toml`` in a folder is of a series of runs; see `read_config` for what is raised."""
    return "seeds" in read_config(folder / CONFIG)


def write_config(folder: Path, options: Mapping[str, Any]) -> None:
    """Write ``config.toml`` into a folder: with it, `ceres-fast train --config` repeats what was done, from anywhere.

    Parameters
    ----------
    folder : pathlib.Path
        Directory of a run, or of a series of runs.
    options : mapping
        Values by the names of `OPTIONS`. Paths are made absolute; what is None is left out.

    Raises
    ------
    InputError
        When a path is not Unicode, as all of TOML is.
    """
    values = as_written(options)
    head = f"# ceres-fast {__version__}: `ceres-fast train --config {CONFIG}` does it again\n"
    path, text = folder / CONFIG, head + tomli_w.dumps(values)
    try:
        text.encode()  # before it is written, as names that are only to be read are: escaped, this one would be another
    except UnicodeEncodeError as error:
        raise InputError(path, f"cannot hold {error.object!a}", expected="paths in Unicode") from error
    write_text(path, text)


def as_written(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `write_config` writes of options: keys as in the file, paths absolute, nothing that is None."""
    return {OPTIONS[name].key: _stored(name, value) for name, value in options.items() if value is not None}


@dataclass(frozen=True)
class RunConfig:
    """All that decides what a run becomes.

    Attributes
    ----------
    records : pathlib.Path
        Folder of its records.
    settings : Settings
        What is trained, and how.
    on_error : {"stop", "skip"}
        What becomes of damaged shards.
    """

    records: Path
    settings: Settings
    on_error: OnError = "stop"

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> RunConfig:
        """Return what `options`, of which ``seeds`` is left out, say; see `Settings` for what is raised."""
        settings = Settings(**{field.name: options[field.name] for field in fields(Settings) if field.name in options})
        return cls(Path(options["records"]), settings, options["on_error"])

    @classmethod
    def read(cls, run: Path) -> RunConfig:
        """Read the ``config.toml`` of a run directory.

        Raises
        ------
        InputError
            When it is missing, not valid, of a series of runs, or lacks an option (that of another version may).
        """
        options = read_written(run)
        if "seeds" in options:
            raise InputError(run / CONFIG, "is of a series of runs", expected="that of one run")
        return cls.of(options)

    def write(self, run: Path) -> None:
        """Write ``config.toml`` into a run directory: all options, because defaults change from version to version."""
        write_config(run, {"records": self.records, "on_error": self.on_error, **asdict(self.settings)})


def check_moved(run: Path, records: Path) -> None:
    """Make sure that a folder holds the records that a run began with, which may have been elsewhere then.

    Raises
    ------
    InputError
        When it holds others, or none.
    """
    found = load_manifest(records)
    began = read_json(run / PROVENANCE, what="where a run comes from").get("manifest_sha256")
    if found.sha256 != began:
        raise InputError(
            found.folder / MANIFEST,
            f"is not of the records that {run} began with (its SHA-256 is {found.sha256})",
            expected=f"the SHA-256 {began}",
            action=f"name the folder with those, or begin anew with --config {run / CONFIG} and these",
        )


def write_provenance(run: Path, manifest: Manifest, model: keras.Model) -> None:
    """Write ``provenance.json``: software, devices, and the hashes of the records and frozen weights of a run."""
    write_json(
        run / PROVENANCE,
        {
            "records": manifest.name,
            **_hashes(manifest, model),
            "versions": versions(),
            "devices": [device.device_type for device in tf.config.list_physical_devices()],
            "trained_on": describe(),
        },
    )


def check_provenance(run: Path, manifest: Manifest, model: keras.Model) -> None:
    """Make sure that a run goes on with the records and the frozen weights that it began with.

    Raises
    ------
    InputError
        When they are others now.
    """
    path = run / PROVENANCE
    began = read_json(path, what="where a run comes from")
    for name, value in _hashes(manifest, model).items():
        if began.get(name) != value:
            what = {"manifest_sha256": f"the records {manifest.folder}", "frozen_sha256": "the frozen weights"}[name]
            raise InputError(
                path,
                f"{what} are not those that the run began with",
                action=f"put those back, or begin anew with --config {run / CONFIG}",
            )


def _hashes(manifest: Manifest, model: keras.Model) -> dict[str, str]:
    # The frozen ones are in no checkpoint: they come from a file again.
    return {
        "manifest_sha256": manifest.sha256,
        "frozen_sha256": weights_sha256(model.non_trainable_weights),
    }


def versions() -> dict[str, str]:
    """Return names and versions of the software that trains."""
    return {
        "ceres_fast": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "python": platform.python_version(),
    }


def _stored(name: str, value: Any) -> Any:
    is_path = name in PATHS or (name == "weights" and value not in ("imagenet", "none"))
    # Not only absolute: `runs/latest` will be another run when this one is repeated.
    return os.path.realpath(resolve(Path(value), announce=False)) if is_path else value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "…"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
