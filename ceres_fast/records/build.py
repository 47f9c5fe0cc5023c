"""From stamps or frames to records: read, group, split, write."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import __version__
from ..console import progress, table, warn
from ..errors import CeresFastError, InputError
from ..files import atomic_directory, sha256_of, write_text
from ..survey.night import COUNTS
from ..survey.problems import NanPolicy, OnError
from ..survey.rules import Rules
from ..survey.selection import Where
from ..survey.stamp_table import CLASSES, PLANES
from .manifest import MANIFEST, Manifest, load_manifest, write_manifest
from .manifest_checks import FORMAT_VERSION, class_counts, described_stamp, shard_name, valid_name
from .schema import KINDS
from .schema import described as described_columns
from .shards import write_shard
from .sources import Choice, Source, find_sources
from .sources import described as described_sources
from .splits import FRACTIONS, SPLITS, check_fractions, group_stamps, leaks, split_groups

SOURCES_FILE = "sources.sha256"
_OURS = re.compile(rf"{re.escape(MANIFEST)}|{re.escape(SOURCES_FILE)}|.+\.tfrecord-\d{{5}}-of-\d{{5}}")


def build_records(
    sources: Sequence[Path],
    out: Path,
    *,
    truth: Path | None = None,
    name: str = "stamps",
    shards: int = 8,
    fractions: Mapping[str, float] = FRACTIONS,
    seed: int = 0,
    where: Where = (),
    rules: Rules | None = None,
    on_error: OnError = "stop",
    nan: NanPolicy = "error",
    overwrite: bool = False,
    planes: Sequence[str] = PLANES[:1],
) -> Manifest:
    """Build TFRecord shards of stamps and their manifest.

    The same sources and arguments give the same bytes. All stamps are held in memory: 8 to 10 kB each, with what is
    known of it.

    Parameters
    ----------
    sources : sequence of pathlib.Path
        Folders: each a folder per class of FITS stamps, or frames with their catalogues.
    out : pathlib.Path
        Folder to make; it appears when it is complete.
    truth : pathlib.Path, optional
        Truth table of the frames; ``asteroids.csv`` in the source folder by default.
    name : str, default "stamps"
        First part of the names of the shards.
    shards : int, default 8
        How many files each split has.
    fractions : mapping of str to float
        Share of train, validation, calibration and test.
    seed : int, default 0
        Decides the split and the order of the stamps.
    where : sequence of (name, allowed values)
        Only what has one of the values under that header keyword or in that catalogue column.
    rules : Rules, optional
        How detections are chosen and labelled; stored in the manifest.
    on_error : {"stop", "skip"}
        Whether a bad input ends the work or is left out and counted.
    nan : {"error", "fill"}
        What to do about missing pixels: refuse, or put the stamp's median there.
    overwrite : bool, default False
        Replace `out` where it holds records already.
    planes : sequence of str
        What the planes of the stamps show: a row of `PLANE_SETS`.

    Returns
    -------
    Manifest
        As `load_manifest` reads it from `out`.

    Raises
    ------
    InputError
        For an input that cannot be used.
    CeresFastError
        When `out` exists, a class is missing, there are too few groups, or the disk refuses.
    """
    _check_arguments(name, shards, fractions, seed)
    found = find_sources(sources, truth)
    _check_out(out, overwrite)
    rules = rules or Rules()
    if all(source.kind != "frames" for source in found):
        # Stamps and alerts do not show what stays in place: nothing was removed here, and nothing may be claimed.
        rules = replace(rules, remove_stationary=False)
    columns, counts = _read(found, Choice(where, rules, on_error, nan, tuple(planes)))
    _check_stamps(columns)
    columns["group"] = group_stamps(columns)
    split_of = split_groups(columns["group"], columns["label"], fractions, seed)
    if leaking := leaks(split_of, columns):
        raise AssertionError(f"the split leaks: {leaking[0]}")
    # Read before the folder is made, so that what goes wrong with a source is not taken for a full disk.
    listing = "".join(f"{line}\n" for source in found for line in source.listed())
    with atomic_directory(out, overwrite=overwrite) as folder:
        write_text(folder / SOURCES_FILE, listing)
        scales = columns["pixel_scale"][(split_of == "train") & np.isfinite(columns["pixel_scale"])]
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            ceres_fast=__version__,
            name=name,
            stamp=described_stamp(planes),
            classes=list(CLASSES),
            columns=described_columns(),
            seed=seed,
            fractions=dict(fractions),
            where=[[key, [str(value) for value in values]] for key, values in where],
            nan=nan,
            rules=rules.as_dict(),
            pixel_scale=float(np.median(scales)) if scales.size else None,
            sources=described_sources(found),
            sources_file={"file": SOURCES_FILE, "sha256": sha256_of(folder / SOURCES_FILE)},
            counts={key: counts[key] for key in sorted(counts, key=_place_of_count)},
            splits=_write(folder, columns, split_of, name, shards, seed),
        )
        write_manifest(manifest, folder)
    _summarise(manifest, out)
    return load_manifest(out)


def _place_of_count(key: str) -> tuple[int, str]:
    return (list(COUNTS).index(key) if key in COUNTS else len(COUNTS), key)


def _check_arguments(name: str, shards: int, fractions: Mapping[str, float], seed: int) -> None:
    check_fractions(fractions)
    if not valid_name(name):
        raise CeresFastError(
            f"name {name!r}: expected letters, digits, '.', '_' and '-', as it becomes part of file names."
        )
    if not 1 <= shards <= 99999:
        raise CeresFastError(f"{shards} shards: expected 1 to 99999.")
    if seed < 0:
        raise CeresFastError(f"seed {seed}: expected 0 or more.")


def _check_out(out: Path, overwrite: bool) -> None:
    """Refuse now what would be refused after the work, and never replace anything but records."""
    if out.exists() and not overwrite:
        raise CeresFastError(f"{out}: exists already. Choose another name, or pass --overwrite to replace it.")
    others = [out] if out.is_file() else [file for file in sorted(out.glob("*")) if not _OURS.fullmatch(file.name)]
    if others:
        raise CeresFastError(
            f"{others[0]}: is no part of records, so it is not deleted. Choose another name than {out}."
        )


def _read(sources: Sequence[Source], choice: Choice) -> tuple[dict[str, np.ndarray], Counter[str]]:
    parts: dict[str, list[np.ndarray]] = {column: [] for column in ("stamp", *KINDS)}
    counts: Counter[str] = Counter()
    with progress() as bar:
        for source in sources:
            task = bar.add_task(f"reading {source.name}", total=len(source.files))
            for stamps, happened in source.tables(choice):
                counts += happened
                if len(sources) > 1:
                    stamps["source"] = np.strings.add(f"{source.name}/", np.asarray(stamps["source"]))
                for column, values in parts.items():
                    values.append(np.asarray(stamps[column]))
                bar.advance(task, happened["files"])
    if not any(map(len, parts["label"])):
        left_out = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())) or "nothing found"
        raise CeresFastError(f"no stamp is left ({left_out}). Look at --where and at the sources.")
    return {column: np.concatenate(values) for column, values in parts.items()}, counts


def _check_stamps(columns: Mapping[str, np.ndarray]) -> None:
    bad = np.flatnonzero(~np.isfinite(columns["stamp"]).all(axis=(1, 2, 3)))
    if bad.size:
        row = int(columns["row"][bad[0]])
        problem = f"a stamp has missing pixels (NaN), as have {bad.size - 1} others"
        raise InputError(columns["source"][bad[0]], problem, row=row if row > 0 else None, action="pass --nan fill")
    missing = [name for label, name in enumerate(CLASSES) if not (columns["label"] == label).any()]
    if missing:
        raise CeresFastError(
            f"no stamp is {missing[0]}; a classifier needs both classes. Add sources, or change --where."
        )


def _write(
    folder: Path, columns: Mapping[str, np.ndarray], split_of: np.ndarray, name: str, shards: int, seed: int
) -> dict[str, dict[str, object]]:
    described: dict[str, dict[str, object]] = {}
    with progress() as bar:
        task = bar.add_task("writing records", total=len(split_of))
        for number, split in enumerate(SPLITS):
            members = np.random.default_rng([seed, number]).permutation(np.flatnonzero(split_of == split))
            entries = []
            for part, rows in enumerate(np.array_split(members, shards)):
                entries.append(write_shard(folder / shard_name(name, split, part, shards), columns, rows))
                bar.advance(task, len(rows))
            described[split] = {
                "groups": len(np.unique(columns["group"][members])),
                "classes": class_counts(entries),
                "shards": entries,
            }
    return described


def _summarise(manifest: Manifest, out: Path) -> None:
    rows = []
    for split in manifest.splits:
        per_class = manifest.class_counts(split)
        groups, shards = manifest.splits[split]["groups"], len(manifest.splits[split]["shards"])
        rows.append((split, per_class["asteroid"], per_class["non_asteroid"], groups, shards))
        if not all(per_class.values()):
            missing = min(per_class, key=lambda name: per_class[name])
            warn(f"split {split} has no {missing}: too few groups hold one. Add sources.")
    total = [sum(int(row[column]) for row in rows) for column in range(1, 5)]
    table(f"Records in {out}", ("split", "asteroid", "non-asteroid", "groups", "shards"), [*rows, ("all", *total)])
    counts = [(reason.replace("_", " "), count) for reason, count in manifest.counts.items()]
    table("From the sources to the records", ("what", "count"), counts)
