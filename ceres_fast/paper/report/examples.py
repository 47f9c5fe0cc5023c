"""Example stamps of both classes (paper, Figs. 4 and 5), from the test split."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ...console import warn
from ...errors import CeresFastError, InputError
from .pictures import Picture, png_of
from .results import Results
from .tables import NAMES

ROWS, COLUMNS = 3, 8
SEED = 0
"""Of the choice: at random, so that the easy ones are not picked."""

_READ_AT_ONCE = 1024


def example_stamps(results: Results, out: Path) -> list[Picture]:
    """Draw stamps of both classes, chosen at random from the test split of the records that the runs were trained on.

    Returns
    -------
    list of Picture
        One per class that has stamps; none, after a warning, where the records are not there any more, or not the same.
    """
    try:
        stamps = _chosen(_records(results, out), str(results.records.get("manifest_sha256")))
    except CeresFastError as error:
        warn(f"the report has no example stamps: {error}")
        return []
    return [_picture(name, stamps[label]) for label, name in reversed(list(enumerate(NAMES))) if len(stamps[label])]


def _records(results: Results, out: Path) -> Path:
    """Return where the configuration of the experiments, or of a run, says that the records are."""
    for path in (folder / "config.toml" for folder in (out, *(out / row.run for row in results.rows))):
        try:
            with path.open("rb") as stream:
                records = tomllib.load(stream).get("records")
        except (OSError, ValueError):
            continue
        if isinstance(records, str):
            return Path(records)
    raise InputError(out, "nothing says where the records are", expected="a config.toml in it or in a run")


def _chosen(records: Path, sha256: str) -> list[np.ndarray]:
    """Return up to `ROWS` x `COLUMNS` stamps of each class: float32 (n, 32, 32), ADU, the first plane."""
    from ...records.manifest import MANIFEST, load_manifest
    from ...records.pipeline import read_columns, shard_errors, stamp_dataset

    manifest = load_manifest(records)
    if manifest.sha256 != sha256:
        raise InputError(records / MANIFEST, "is not that of the records that the runs were trained on")
    labels = read_columns(manifest, "test", ("label",))["label"]
    random = np.random.default_rng(SEED)
    chosen = [random.permutation(np.flatnonzero(labels == label))[: ROWS * COLUMNS] for label in range(len(NAMES))]
    wanted = np.sort(np.concatenate(chosen))
    stamps, begin = [], 0
    with shard_errors(manifest, "test"):
        for batch, _ in stamp_dataset(manifest, "test", _READ_AT_ONCE):
            here = wanted[(wanted >= begin) & (wanted < begin + len(batch))] - begin
            stamps.append(batch.numpy()[here, :, :, 0])
            begin += len(batch)
    found = np.concatenate(stamps) if stamps else np.empty((0, 32, 32), np.float32)
    return [found[np.searchsorted(wanted, rows)] for rows in chosen]


def _picture(name: str, stamps: np.ndarray) -> Picture:
    down = -(-len(stamps) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * 0.95, down * 0.95), layout="constrained")
    for number, axes in enumerate(figure.subplots(down, COLUMNS, squeeze=False).flat):
        axes.set_axis_off()
        if number < len(stamps):
            low, high = np.percentile(stamps[number], [1, 99.5])
            axes.imshow(stamps[number], cmap="gray", origin="lower", vmin=low, vmax=max(high, low + 1e-6))
    caption = f"Stamps of {name}s, chosen at random from the test split; each from its 1st to its 99.5th percentile"
    alt = f"{len(stamps)} stamps of {name}s, 32 x 32 pixels each."
    return Picture(f"examples-{name}.png", caption, alt, png_of(figure))
