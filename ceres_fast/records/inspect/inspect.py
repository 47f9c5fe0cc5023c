"""Check records, draw what is in them, and write a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...console import say, table, warn
from ...errors import CeresFastError
from ...files import StrPath, write_json, write_text
from ...folders import PARTIAL, atomic_directory, contents, refuse_occupied
from ...pictures import caption, draw_stamps
from ...selection.track_cost import cost_rows
from ...settings.guarantee import NEEDS
from ...settings.records import Inspection
from ...stamps import CLASSES
from ..examples import KINDS
from ..lost import lost_text, read_lost
from ..manifest import REBUILD, Manifest, load_manifest
from ..pipeline import read_all
from ..shards import check_shards
from ..splits import Leak, leaks
from ..summary import show_cost
from .figures import SPLIT_COLOURS, draw_distributions, draw_pairs
from .pixels import Pairs, Pixels, identical_pairs, near_pairs, read_pixels, read_some
from .report import (
    Finding,
    as_text,
    class_numbers,
    leaking,
    names_of,
    of_pairs,
    same_place_other_label,
    split_numbers,
    split_rows,
    strange_values,
)

REPORT, NUMBERS = "report.txt", "report.json"
PICTURES = ("distributions.png", "asteroids.png", "non_asteroids.png", "alike.png")
_OURS = {REPORT, NUMBERS, *PICTURES}
_PAIRS_SHOWN = 20


def inspect_records(
    records: StrPath,
    output: StrPath | None = None,
    *,
    seed: int = 0,
    number: int = Inspection.number,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Prove that records are sound, and show what is in them.

    Whole shards; no group, asteroid, field and CCD, or piece of sky in two splits; no stamp that is in two splits
    under other names. To look at: stamps with nearly the same noise in two splits, equal stamps or places with two
    labels, strange values. All of it is written, with pictures, before a leak is raised.

    Parameters
    ----------
    records : path
        Folder that `build_records` wrote.
    output : path, optional
        Folder for ``report.txt``, ``report.json`` and PNGs; without it ``<records>-inspection`` beside the records.
    seed : int, default 0
        Decides which stamps are shown.
    number : int, default 40
        How many stamps of each class are shown.
    overwrite : bool, default False
        Replace an earlier inspection.

    Returns
    -------
    dict
        What ``report.json`` holds: ``records``, ``manifest_sha256``, ``stamps``, ``sound``, ``splits``, ``classes``,
        ``stationary_cost`` (``rate``, ``needed``, ``tracks``, ``lost``: what the rules cost synthetic asteroids),
        ``not_compared`` (stamps with too little background to compare their noise), ``findings`` (``what``, ``count``,
        ``examples``, ``leak``).

    Raises
    ------
    InputError
        When a shard, or the list of what became no stamp, is missing, cut or altered.
    CeresFastError
        When something is in two splits (after the report has been written), or `output` cannot be used.

    Examples
    --------
    >>> ceres_fast.inspect("records", "looked-into")["sound"]
    True
    """
    manifest = load_manifest(Path(records))
    folder = manifest.folder.resolve()
    output = Path(output) if output else folder.with_name(f"{folder.name}-inspection")
    _check_output(output, folder, overwrite)
    check_shards(manifest)
    lost = read_lost(manifest)
    splits, columns = read_all(manifest, tuple(name for name in KINDS if name in manifest.columns))
    pixels = read_pixels(manifest)
    alike = _alike(splits, columns, pixels)
    findings = list(_findings(splits, columns, pixels, alike))
    report = {
        "records": manifest.name,
        "manifest_sha256": manifest.sha256,
        "stamps": len(splits),
        "sound": not any(finding.leak for finding in findings),
        "splits": split_numbers(splits, columns),
        "classes": class_numbers(columns),
        "not_compared": int((~pixels.noise.any(axis=1)).sum()),
        "stationary_cost": [
            dict(zip(("rate", "needed", "tracks", "lost"), row, strict=True)) for row in cost_rows(manifest.counts)[1]
        ],
        "findings": [finding.as_dict() for finding in findings],
    }
    with atomic_directory(output, overwrite=overwrite) as temporary:
        write_text(temporary / REPORT, as_text(report))
        write_json(temporary / NUMBERS, report)
        _draw(manifest, splits, columns, alike, temporary, np.random.default_rng(seed), number)
    if lost is not None:
        say(lost_text(lost, columns, splits, NEEDS))
    _tell(manifest, report, findings, output)
    return report


def _check_output(output: Path, records: Path, overwrite: bool) -> None:
    """Refuse now what would be refused after the work, and never replace anything but an inspection."""
    refuse_occupied(output, overwrite)
    if output.resolve().is_relative_to(records):
        raise CeresFastError(f"{output}: is in the records, which hold only their own files. Choose another folder.")
    if others := [file for file in contents(output, PARTIAL) if file.name not in _OURS]:
        raise CeresFastError(f"{others[0]}: is no part of an inspection, so it is not deleted. Choose another folder.")


def _alike(splits: np.ndarray, columns: Mapping[str, np.ndarray], pixels: Pixels) -> dict[str, Pairs]:
    """Return pairs of stamps by what is wrong with them: a key of `_ALIKE`."""
    split_of = np.unique(splits, return_inverse=True)[1]
    labels = columns["label"]
    kinds = 2 * split_of + labels
    same = identical_pairs(pixels.digests, kinds, ~pixels.constant)
    near = near_pairs(pixels.noise, kinds)
    near = near.where(pixels.digests[near.one] != pixels.digests[near.other])
    both = Pairs(*(np.concatenate(values) for values in zip(same, near, strict=True)))
    return {
        "identical": same.where(split_of[same.one] != split_of[same.other]),
        "near": near.where(split_of[near.one] != split_of[near.other]),
        "labels": both.where(labels[both.one] != labels[both.other]),
        "place": same_place_other_label(columns),
    }


_ALIKE = {
    "near": "pairs of stamps of two splits with nearly the same noise: one cut-out, scaled or rounded",
    "labels": "pairs of stamps that are the same, or nearly, with both labels",
    "place": "asteroids within a pixel of a detection labelled non-asteroid",
}


def _findings(
    splits: np.ndarray, columns: Mapping[str, np.ndarray], pixels: Pixels, alike: Mapping[str, Pairs]
) -> Iterator[Finding]:
    same = alike["identical"]
    names = (names_of(columns, splits, rows) for rows in (same.one, same.other))
    in_two = [Leak("pixels", f"{one} = {other}") for one, other in zip(*names, strict=True)]
    yield from leaking([*leaks(splits, columns), *in_two])
    for key, what in _ALIKE.items():
        yield from of_pairs(alike[key], what, columns, splits)
    yield from strange_values(pixels, columns, splits)


def _draw(
    manifest: Manifest,
    splits: np.ndarray,
    columns: Mapping[str, np.ndarray],
    alike: Mapping[str, Pairs],
    folder: Path,
    random: np.random.Generator,
    number: int,
) -> None:
    draw_distributions(splits, columns, folder / "distributions.png")
    pairs = list(dict.fromkeys(rows for found in alike.values() for rows in found.rows()))[:_PAIRS_SHOWN]
    chosen = [_some(np.flatnonzero(columns["label"] == label), random, number) for label in range(len(CLASSES))]
    stamps = read_some(manifest, np.unique(np.concatenate([*chosen, np.array(pairs, np.int64).reshape(-1)])))
    for label, rows in enumerate(chosen):
        name = f"{CLASSES[label]}s"
        shown = "" if len(manifest.planes) == 1 else f" ({', '.join(manifest.planes)})"
        draw_stamps(
            [stamps[row] for row in rows.tolist()],
            [caption(columns, row) for row in rows.tolist()],
            name.replace("_", "-") + shown,
            folder / f"{name}.png",
            total=int((columns["label"] == label).sum()),
            frames=[SPLIT_COLOURS[splits[row]] for row in rows],
            legend=SPLIT_COLOURS,
            planes=len(manifest.planes),
        )
    if pairs:
        draw_pairs(
            [(stamps[one], stamps[other]) for one, other in pairs],
            [(_caption(one, splits, columns), _caption(other, splits, columns)) for one, other in pairs],
            folder / "alike.png",
        )


def _some(rows: np.ndarray, random: np.random.Generator, number: int) -> np.ndarray:
    return random.choice(rows, min(number, len(rows)), replace=False)


def _caption(row: int, splits: np.ndarray, columns: Mapping[str, np.ndarray]) -> str:
    return f"{splits[row]}\n{CLASSES[columns['label'][row]].replace('_', '-')}"


def _tell(manifest: Manifest, report: Mapping[str, Any], findings: Sequence[Finding], output: Path) -> None:
    header, rows = split_rows(report["splits"])
    # The first columns fit a terminal; the report has them all.
    table(f"Records {report['records']}", header[:5], [row[:5] for row in rows])
    for finding in findings:
        if not finding.leak:
            warn(f"{finding}, for example {finding.examples[0]}")
    show_cost(manifest)
    say(f"written to {output}")
    if found := [finding for finding in findings if finding.leak]:
        counted = "; ".join(f"{finding} (for example {finding.examples[0]})" for finding in found)
        raise CeresFastError(f"these records leak: {counted}. See {output / REPORT}, and {REBUILD}.")
    say("sound: whole shards, and no group, asteroid, place, piece of sky or stamp in two splits")
