"""One field classified, in a process of its own: its tables, and then its record."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..artifact.latest import resolve
from ..artifact.tracklet_model import tracklet_threshold
from ..catalogues import Names, read_catalogue, write_catalogue
from ..classify import classify
from ..classify.account import CLASSIFIED, KEPT, PASSED_ON
from ..classify.outputs import format_of, frame_target, night_folders, scored_rows, write_divided
from ..engines import AUTO, Engine, load
from ..engines.loading import exported_model
from ..engines.triton import server_address
from ..errors import CeresFastError
from ..files import StrPath, copy_file
from .arrivals import Exposure
from .fields import Field
from .record import ExposureRecord, FieldRecord, record_path, write_record

SCORES = ".scores"
"""Folder in the output in which scores are kept, so that an exposure is scored once."""


@dataclass(frozen=True)
class Settings:
    """How fields are classified, the same for all of a night.

    Parameters
    ----------
    folder, output : pathlib.Path
        The night, and where its tables go, at their catalogues' places relative to it.
    model : str
        An exported classifier, a run folder, or an address on a server.
    provider : str
        What runs it.
    rebuild : bool
        As in `engines.load`.
    columns, camera : str
        As `ceres-fast classify` takes them; empty by default.
    options : mapping
        Further arguments of `classify`.
    """

    folder: Path
    output: Path
    model: str
    provider: str = AUTO
    rebuild: bool = False
    columns: str = ""
    camera: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> Names:
        """What the columns of catalogues are called."""
        return Names.parse(self.columns) if self.columns else Names()

    def digest(self) -> str:
        """Return the SHA-256 of the classifier and of the options that decide what tables hold."""
        said = hashlib.sha256(repr((self.columns, self.camera, sorted(self.options.items()))).encode())
        path = Path(self.model)
        said.update(path.read_bytes() if path.is_file() else self.model.encode())
        return said.hexdigest()


@dataclass(frozen=True)
class Job:
    """A field to be classified; `digest` is that of its settings, `version` that of its tables.

    `replaces` names the fields whose tables will all be among them.
    """

    settings: Settings
    field: Field
    digest: str
    version: int
    replaces: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return which field it is, for messages."""
        return self.field.name


def model_file(model: StrPath) -> Path:
    """Return the exported file of a run folder, also of ``runs/latest``; any other path, and an address, as it is.

    Once for a night: `latest` may name another run by its end.
    """
    path = Path(model)
    if server_address(path) or not path.exists():
        return path
    path = resolve(path)
    return (exported_model(path) if path.is_dir() else path).absolute()


@lru_cache(maxsize=1)
def _engine(model: str, seen: tuple[int, int], provider: str, rebuild: bool) -> Engine:
    """Load a classifier; `seen` is its size and time, so that another one is loaded when it has come."""
    return load(Path(model), provider=provider, rebuild=rebuild)


def loaded(settings: Settings) -> Engine:
    """Return the classifier, which a process loads once."""
    path = Path(settings.model)
    seen = (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else (0, 0)
    return _engine(settings.model, seen, settings.provider, settings.rebuild)


def warm_up(settings: Settings) -> None:
    """Load the classifier, and do what its first run would be slow for."""
    loaded(settings).warm_up()


def classify_field(job: Job) -> FieldRecord:
    """Write the tables of a field, and its record when all of them are written.

    Killed at any moment, it leaves whole tables, and no record of what was not done.

    Raises
    ------
    CeresFastError
        When the classifier cannot be used, or a table cannot be written.
    """
    settings, exposures = job.settings, job.field.exposures
    frames = [each.frame for each in exposures if each.frame != each.catalogue]
    result = None
    with redirect_stdout(io.StringIO()):  # its tables are for people who wait for one field
        if frames:
            result = classify(
                frames,
                loaded(settings),
                output=settings.output,
                below=settings.folder,
                scores=settings.output / SCORES,
                on_error="skip",
                overwrite=True,
                names=settings.names,
                camera=settings.camera or None,
                **settings.options,
            )
    fates = {} if result is None else {Path(path).resolve(): fate for path, fate in result.account.fates.items()}
    why = {} if result is None else {Path(path).resolve(): text for path, text in result.why.items()}
    records = []
    for each in exposures:
        fate = fates.get(each.frame.resolve())
        if fate not in (CLASSIFIED, KEPT, PASSED_ON):
            fate = pass_on(settings, each)
        reason = "" if fate == CLASSIFIED else why.get(each.frame.resolve(), each.why)
        records.append(_record_of(settings, each, fate, reason))
    total = Counter[str]() if result is None else result.total
    counts = {name: sum(sign * int(total[each]) for each, sign in of.items()) for name, of in _COUNTS.items()}
    counts["tracklets"] = 0 if result is None else sum(result.tracklets.values())
    record = FieldRecord(
        name=job.field.name,
        version=job.version,
        provisional=result is not None and any(map(_nothing_is_compared, result.counts.values())),
        settings=job.digest,
        camera=settings.camera,
        columns=settings.columns,
        exposures=records,
        counts=counts,
        seconds={} if result is None else {name: round(value, 3) for name, value in result.steps.items()},
        cost={} if result is None else {name: int(number) for name, number in result.cost.items()},
        tracklet_threshold=tracklet_threshold(loaded(settings).classifier.tracklets) or 0.0,
        drift=[] if result is None else [line for lines in result.drift.values() for line in lines],
    )
    put(job, record)
    return record


_COUNTS = {
    "detections": {"rows": 1},
    "stationary": {"stationary": 1},
    "scored": {"rows": 1, "not_scored": -1, "stationary": -1, "elsewhere": -1},
    "kept": {"written": 1},
}
"""What is counted of a field, and the counts of `classify` that are added and taken away for it."""


def _nothing_is_compared(counts: Counter[str]) -> bool:
    """Tell whether of all that was scored in an exposure nobody knows whether it is stationary."""
    scored = sum(sign * counts[each] for each, sign in _COUNTS["scored"].items())
    return 0 < scored <= counts["provisional"]


def pass_on_field(job: Job, why: str) -> FieldRecord:
    """Write the catalogues of a field that cannot be classified as they are, where no better table is there.

    Raises
    ------
    CeresFastError
        When that fails too.
    """
    settings = job.settings
    records = [_record_of(settings, each, pass_on(settings, each), why) for each in job.field.exposures]
    record = FieldRecord(
        name=job.field.name,
        version=job.version,
        provisional=True,
        settings=job.digest,
        camera=settings.camera,
        columns=settings.columns,
        exposures=records,
    )
    put(job, record)
    return record


def pass_on(settings: Settings, exposure: Exposure) -> str:
    """Write a catalogue as it is, unless a table of the same detections with probabilities is there; say which."""
    target = target_of(settings, exposure)
    if scored_rows(target, exposure.catalogue):
        return KEPT
    target.parent.mkdir(parents=True, exist_ok=True)
    write_divided(lambda path, rows: _write_as_it_is(settings, exposure.catalogue, path), target, None)
    return PASSED_ON


def _write_as_it_is(settings: Settings, catalogue: Path, path: Path) -> None:
    """Write a catalogue without probabilities, in the format of the other tables where it can be."""
    try:
        if wanted := settings.options.get("format"):
            write_catalogue(read_catalogue(catalogue, settings.names), path, format=wanted)
            return
    except CeresFastError:  # better in its own format than not at all
        pass
    copy_file(catalogue, path)


def target_of(settings: Settings, exposure: Exposure) -> Path:
    """Return where the table of an exposure goes."""
    wanted = format_of(settings.output, settings.options.get("format"))
    folders = night_folders(settings.folder, settings.options.get("catalogues"))
    return frame_target(exposure.frame, exposure.catalogue, folders, settings.output, wanted)


def table_of(settings: Settings, exposure: Exposure) -> str:
    """Return where the table of an exposure goes, relative to the output."""
    return target_of(settings, exposure).relative_to(settings.output).as_posix()


def put(job: Job, record: FieldRecord) -> None:
    """Write the record of a field when those are gone whose tables are in it now: of a frame that came late, say.

    Killed in between, the field is classified again.
    """
    for name in job.replaces:
        record_path(job.settings.output, name).unlink(missing_ok=True)
    write_record(job.settings.output, record)


def _record_of(settings: Settings, exposure: Exposure, fate: str, why: str) -> ExposureRecord:
    return ExposureRecord(
        frame=str(exposure.frame),
        catalogue=str(exposure.catalogue),
        table=table_of(settings, exposure),
        signature=list(exposure.signature),
        fate=fate,
        why=why,
    )
