"""From stamps or frames to records: parts, groups, splits, shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import __version__
from ..catalogues import Names, check_folder, check_one_each
from ..console import say, warn
from ..errors import CeresFastError, NanPolicy, OnError
from ..files import DISK, StrPath, as_paths, disk_errors, sha256_of
from ..folders import LOCK, move_directory
from ..frames.camera import GENERIC, Camera
from ..frames.profiles import load_camera
from ..frames.where import Where
from ..machine.scheduler import Workers
from ..selection.field import looks_elsewhere
from ..selection.linked import LINKED
from ..selection.others.forced import FORCED
from ..selection.rules import Rules
from ..settings.guarantee import NEEDS
from ..settings.option import check_arguments, only, options_of
from ..settings.records import RecordsOptions
from ..settings.shared import Shared
from ..stamps import CLASSES, PLANES
from ..truth.skybot import SKYBOT, skybot_file
from .assembly import read_lost_tables, read_tables, rows_of_splits, splits_of_parts, write_splits
from .checks import SOURCES_FILE, check_names, check_out, check_stamps, remove_others
from .examples import UNKNOWN
from .examples import described as described_columns
from .lost import lost_text, write_lost
from .manifest import (
    FORMAT_VERSION,
    LOST_FILE,
    Condition,
    Manifest,
    described_stamp,
    load_manifest,
    write_manifest,
)
from .parts import PARTS, RECORDS, Part, PartMaker, clear_others, partial_folder
from .reconcile import COUNTS, Made, reconcile
from .references import find_references
from .sources import Source, find_sources
from .sources import described as described_sources
from .splits import FRACTIONS, Division, divide, group_stamps, leaks
from .splits.calibration import calibration_text, sized_for
from .summary import show_summary, show_warnings
from .units import ALERT_NAN, STAMP_NAN, Choice, FieldUnit, Unit

OPTIONS = {**options_of(RecordsOptions), **only(Shared, "needs", "on_error")}
"""What arguments may be."""


def build_records(
    sources: StrPath | Sequence[StrPath],
    out: StrPath,
    *,
    truth: StrPath | None = None,
    name: str = RecordsOptions.name,
    shards: int = RecordsOptions.shards,
    fractions: Mapping[str, float] | None = None,
    calibration_asteroids: int | None = None,
    seed: int = 0,
    where: Where = (),
    rules: Rules | None = None,
    on_error: OnError = "stop",
    nan: NanPolicy | None = None,
    overwrite: bool = False,
    planes: Sequence[str] = PLANES[:1],
    names: Names | None = None,
    catalogues: StrPath | None = None,
    observatory: str | None = None,
    hold_out: Where = (),
    preset: str | None = None,
    workers: int | None = 1,
    scheduler: str | None = None,
    static: StrPath | None = None,
    needs: int = NEEDS,
    camera: StrPath | Camera | None = None,
    template: StrPath | None = None,
    forced: bool = False,
) -> Manifest:
    """Build TFRecord shards of stamps and their manifest.

    The same sources and arguments give the same bytes, whatever the workers. What is finished when a build is
    interrupted is kept in ``.NAME.partial`` beside `out` (in ``.partial`` in it, where it is there and empty), and the
    same build goes on from there. In memory are what is known of all stamps, without their pixels (about 1 kB each),
    and for each worker one frame and the stamps of its field; and where the other exposures are asked, their pixels.

    Parameters
    ----------
    sources : path or sequence of paths
        Folders: each a folder per class of FITS stamps, or frames with their catalogues.
    out : path
        Folder to make; it appears when it is complete.
    truth : path, optional
        Truth table of the frames; ``asteroids.csv`` in the source folder by default. ``skybot`` asks the SkyBoT
        service, and keeps its answer as ``NAME-skybot.csv`` beside `out`.
    name : str, default "stamps"
        First part of the names of the shards.
    shards : int, default 8
        How many files each split has.
    fractions : mapping of str to float, optional
        Share of train, validation, calibration and test; by default `FRACTIONS`.
    calibration_asteroids : int, optional
        How many asteroids, seen in `needs` exposures of a night or more, the calibration split is to hold at least:
        its share becomes what that takes, and the others keep their proportions. The manifest stores the fractions
        that come out, with which the same splits are made again.
    seed : int, default 0
        Decides the split and the order of the frames.
    where : sequence of (name, allowed values)
        Only what has one of the values under that header keyword or in that catalogue column.
    rules : Rules, optional
        How detections are chosen and labelled; stored in the manifest.
    on_error : {"stop", "skip"}
        Whether a bad input ends the work or is left out and counted.
    nan : {"error", "fill"}, optional
        What to do about missing pixels: refuse, or put the stamp's median there. By default they are filled in alerts,
        which have them, and an error elsewhere.
    overwrite : bool, default False
        Replace `out` where it holds records already.
    planes : sequence of str
        What the planes of the stamps show: a row of `PLANE_SETS`. Of frames, the template is what the other exposures
        of the field show, and `template`; FITS stamps have one plane.
    names : Names, optional
        What the columns of the catalogues are called; by default as SExtractor calls them.
    catalogues : path, optional
        The folder that holds the catalogues of all frames, as ``ceres-fast detect --output`` writes it; by default
        they are beside the frames (`catalogues.find_catalogue`).
    observatory : str, optional
        Code of the observatory that took the frames, where the truth file has observations of several.
    hold_out : sequence of (name, values)
        What makes up the test split, for example whole nights (`splits.Division`).
    preset : str, optional
        A published set whose class counts the splits are to have, for example ``table1``.
    workers : int or None, default 1
        Processes of this machine; 1 works in this process, None takes one per core.
    scheduler : str, optional
        Address of a running Dask scheduler, instead of `workers`. Its workers must see the same files.
    static : path, optional
        A table of fixed sources (`catalogues.static_sources.read_static`); the manifest names it as a source.
    needs : int, default 3
        Exposures of a night in which an asteroid must be seen: counted in the calibration split, and asked for when the
        cost of the rules is measured (`track_cost`).
    camera : str, path or Camera, optional
        How frames are read: a profile that ships with the package, or a TOML file (`frames.profiles.load_camera`);
        stored in the manifest.
    template : path, optional
        A frame of the same sky from another time, or a folder of them; the manifest names it as a source.
    forced : bool, default False
        Whether the flux at the place of each detection of a frame is measured in the other exposures: columns
        ``forced_…`` of the records, which they have, too, where `planes` or ``rules.forced_limit`` ask for the others.

    Returns
    -------
    Manifest
        As `load_manifest` reads it from `out`.

    Raises
    ------
    InputError
        For an input that cannot be used.
    CeresFastError
        When `out` exists or is being built, a class is missing, there are too few groups, the scheduler does not
        answer, or the disk refuses.

    Examples
    --------
    >>> ceres_fast.build_records("data/training", "more-records").planes
    ('science',)
    """
    sources, out = as_paths(sources), Path(out)
    truth, static, catalogues, template = (
        None if path is None else Path(path) for path in (truth, static, catalogues, template)
    )
    rules = rules or Rules()
    check_names(name, shards)
    check_arguments(OPTIONS, on_error=on_error, nan=nan, needs=needs)
    if preset is not None and (fractions is not None or calibration_asteroids is not None):
        raise CeresFastError(
            f"--preset {preset} decides the sizes of the splits; leave out --fractions and --calibration-asteroids."
        )
    profile = load_camera(camera)
    division = Division(FRACTIONS if fractions is None else fractions, seed, hold_out, preset)
    check_out(out, overwrite)
    if truth == SKYBOT:
        truth = skybot_file(
            sources, observatory, out.with_name(f"{out.name}-skybot.csv"), on_error=on_error, camera=profile
        )
    if scheduler:  # its workers may have another current folder
        sources, out = as_paths(source.absolute() for source in sources), out.absolute()
        truth = truth and truth.absolute()
        static = static and static.absolute()
        catalogues = catalogues and catalogues.absolute()
        template = template and template.absolute()
    if catalogues is not None:
        check_folder(catalogues)
    found = find_sources(sources, truth, catalogues, profile)
    if template is not None and not looks_elsewhere(rules, planes, forced):
        raise CeresFastError(
            f"--template {template}: nothing asks what it shows. Pass --planes {','.join(PLANES)}, --forced or "
            "--forced-limit, or leave it out."
        )
    has_frames = any(source.kind == "frames" for source in found)
    if not has_frames:
        if truth:
            warn(f"{truth}: is not read: stamps and alerts have labels of their own, and no source has frames")
        if catalogues:
            warn(f"{catalogues}: is not read: no source has frames, whose catalogues could be there")
        if profile != GENERIC:
            warn(f"the profile {profile.name} of --camera is not used: no source has frames")
            profile = GENERIC
        if forced or template or rules.forced_limit is not None:
            warn("--forced, --forced-limit and --template are not used: no source has frames, with other exposures")
            forced, template = False, None
        # Stamps and alerts do not show what is stationary: nothing was removed here, and nothing may be claimed.
        rules = replace(rules, remove_stationary=False, forced_limit=None)
    references = find_references(static, template, profile)
    sha256 = {kind: each.sha256 for kind, each in references.items()}
    choice = Choice(
        where,
        rules,
        on_error,
        nan,
        planes=tuple(planes),
        names=names,
        observatory=observatory,
        static=static,
        static_sha256=sha256.get("static", ""),
        needs=needs,
        forced=forced,
        template=template,
        template_sha256=sha256.get("template", ""),
    )
    with Workers(workers, scheduler) as pool, partial_folder(out) as folder:
        locked_by = (folder / LOCK).read_text(encoding="utf-8")
        seen_by_all = (*(source.folder for source in found), *(each.path for each in references.values()))
        pool.check(dict.fromkeys(seen_by_all, "") | {folder / LOCK: locked_by})
        made = _make_parts(found, choice, pool, folder / PARTS)
        parts = [part for _, _, part in made]
        folders = [folder / PARTS / part.key for part in parts]
        columns = read_tables(folders)
        unmeasured = UNKNOWN.keys() - _measured(columns, choice.looks_elsewhere and has_frames)
        columns = {name: values for name, values in columns.items() if name not in unmeasured}
        counts = _counts(found, parts)
        check_stamps(columns, counts)
        division, split_of, dropped = _divided(columns, division, calibration_asteroids, needs)
        records = folder / RECORDS
        splits = write_splits(folder, [part.key for part in parts], columns, split_of, name, shards, seed, pool)
        for split, rows in rows_of_splits(columns, split_of, [(unit.kind, part) for _, unit, part in made]).items():
            splits[split]["rows"] = rows
        lost = None
        if has_frames:
            lost = read_lost_tables(folders, splits_of_parts(columns, split_of, len(parts)))
        written = sum(shard["count"] for split in splits.values() for shard in split["shards"])
        scales = columns["pixel_scale"][(split_of == "train") & np.isfinite(columns["pixel_scale"])]
        with disk_errors(out, DISK):
            listed = [file for each in references.values() for file in each.listed]
            (records / SOURCES_FILE).write_bytes(_listing(found, made, listed))
            if lost is not None:
                write_lost(lost, records)
            manifest = Manifest(
                format_version=FORMAT_VERSION,
                ceres_fast=__version__,
                name=name,
                stamp=described_stamp(planes),
                classes=list(CLASSES),
                columns=described_columns(columns),
                seed=seed,
                fractions=dict(division.fractions),
                hold_out=_as_lists(hold_out),
                preset=preset,
                where=_as_lists(where),
                nan=nan or (ALERT_NAN if any(source.kind == "alerts" for source in found) else STAMP_NAN),
                rules=rules.as_dict(),
                pixel_scale=float(np.median(scales)) if scales.size else None,
                sources=described_sources(found, references.values()),
                sources_file={"file": SOURCES_FILE, "sha256": sha256_of(records / SOURCES_FILE)},
                counts={key: counts[key] for key in sorted(counts, key=_place_of_count)},
                reconciliation=reconcile(_made(found, made), dropped, written),
                splits=splits,
                camera=None if profile == GENERIC else profile.as_dict(),
                lost_file=None if lost is None else {"file": LOST_FILE, "sha256": sha256_of(records / LOST_FILE)},
            )
            write_manifest(manifest, records)
            remove_others(records)
            move_directory(records, out, overwrite=overwrite)
    show_summary(manifest, out)
    if lost is not None:
        say(lost_text(lost, columns, split_of, needs))
    say(calibration_text(columns, split_of, needs, resizable=preset is None))
    return load_manifest(out)


def _measured(columns: Mapping[str, np.ndarray], forced: bool) -> set[str]:
    """Return which of the columns that not all records have these have."""
    linked = bool((columns["tracklet"] != UNKNOWN["tracklet"]).any())
    return {*(FORCED if forced else ()), *(LINKED if linked else ())}


def _divided(
    columns: dict[str, np.ndarray], division: Division, calibration_asteroids: int | None, needs: int
) -> tuple[Division, np.ndarray, Counter[str]]:
    """Add the column ``group``, and return how stamps are divided, the split of each, and why some are in none."""
    columns["group"] = group_stamps(columns)
    if calibration_asteroids is not None:
        division = sized_for(division, columns, calibration_asteroids, needs)
        shares = ",".join(f"{share:g}" for share in division.fractions.values())
        say(f"--calibration-asteroids {calibration_asteroids}: gives the splits of --fractions {shares}")
    split_of, dropped = divide(columns, division)
    if leaking := leaks(split_of, columns):
        raise AssertionError(f"the split leaks: {leaking[0]}")
    return division, split_of, dropped


def _make_parts(
    sources: Sequence[Source], choice: Choice, pool: Workers, folder: Path
) -> list[tuple[Source, Unit, Part]]:
    units = [(source, unit) for source in sources for unit in source.units(choice, pool)]
    of_fields = [unit for _, unit in units if isinstance(unit, FieldUnit)]
    if of_fields and of_fields[0].catalogues is not None:
        check_one_each((info.path for unit in of_fields for info in unit.frames), of_fields[0].catalogues)
    make = PartMaker(folder, choice)
    tasks = [(unit, make.key(unit)) for _, unit in units]
    clear_others(folder, {key for _, key in tasks})
    parts = pool.run(make, tasks, "cutting stamps")
    if reused := sum(part.reused for part in parts):
        say(f"{reused} of {len(parts)} parts were there already, from a build that was interrupted")
    show_warnings(parts)
    made = [(source, unit, part) for (source, unit), part in zip(units, parts, strict=True)]
    for source in sources:
        source.check(choice, _counts([source], [part for of, _, part in made if of is source]))
    return made


def _counts(sources: Sequence[Source], parts: Sequence[Part]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for happened in (*(source.counts for source in sources), *(part.counts for part in parts)):
        counts.update(happened)
    return counts


def _made(sources: Sequence[Source], made: Sequence[tuple[Source, Unit, Part]]) -> list[Made]:
    return [
        *(Made(source.kind, source.counts, 0) for source in sources),
        *(Made(unit.kind, part.counts, part.rows) for _, unit, part in made),
    ]


def _listing(
    sources: Sequence[Source], made: Sequence[tuple[Source, Unit, Part]], others: Sequence[tuple[str, str]]
) -> bytes:
    """Return SHA-256 and name of every file, as ``sha256sum`` writes them: source by source, by name, then others."""
    lines: list[list[str]] = []
    for source in sources:
        listed = (line for of, _, part in made if of is source for line in part.listed)
        lines += sorted(listed, key=lambda line: line[1])
    return "".join(_listed(sha256, name) for sha256, name in [*lines, *others]).encode(errors="surrogateescape")


def _listed(sha256: str, name: str) -> str:
    """Return a line of the list; a backslash at its beginning says that the name has escapes."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "" if escaped == name else "\\"
    return f"{mark}{sha256}  {escaped}\n"


def _as_lists(conditions: Where) -> list[Condition]:
    return [(key, [str(value) for value in values]) for key, values in conditions]


def _place_of_count(key: str) -> tuple[int, str]:
    return (list(COUNTS).index(key) if key in COUNTS else len(COUNTS), key)
