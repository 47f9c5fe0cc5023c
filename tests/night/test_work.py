"""Fields become tables: the newest first, each as good as it can be, and whatever fails, no detection is lost."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from ceres_fast.catalogues import read_catalogue
from ceres_fast.classify.account import CLASSIFIED, KEPT, PASSED_ON
from ceres_fast.classify.scores import FLAGS, PROVISIONAL, STATIONARY
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.machine.scheduler import TaskFailed
from ceres_fast.machine.workers import Outcome, failure
from ceres_fast.night import job as jobs
from ceres_fast.night import work as works
from ceres_fast.night.arrivals import Arrivals
from ceres_fast.night.fields import Field, fields_of
from ceres_fast.night.job import Settings
from ceres_fast.night.log import Log, Metrics
from ceres_fast.night.record import read_records
from ceres_fast.night.work import ATTEMPTS, LONGEST, Work

from ..survey_files import write_exposure, write_field
from .conftest import Here


class Telescope:
    """A night with a clock of its own."""

    def __init__(self, incoming: Path, out: Path, model: Path, **options: Any) -> None:
        self.incoming, self.out, self.now = incoming, out, 0.0
        self.settings = Settings(incoming, out, str(model), options=options)
        self.begin()

    def begin(self, **options: Any) -> None:
        """Start the program, which remembers nothing but what is on the disk."""
        self.arrivals = Arrivals(self.incoming, settle=0.0)
        self.work = Work(self.settings, Here(), Log(), Metrics(), clock=lambda: self.now, **options)  # type: ignore[arg-type]

    def fields(self) -> list[Field]:
        return fields_of(self.arrivals.look(self.now))

    def turn(self, seconds: float = 1.0) -> list[str]:
        """Look, do one thing, and return the frames that were classified."""
        self.now += seconds
        self.work.start(self.work.left(self.fields()), lambda future: None)
        (started,) = [each.field for each in self.work._running.values()] or [None]
        self.work.collect()
        return [each.frame.name for each in started.exposures] if started else []

    def fates(self) -> list[str]:
        return [each.fate for record in read_records(self.out) for each in record.exposures]

    def tables(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for ending in ("cat", "csv") for path in self.out.rglob(f"*.{ending}")}


@pytest.fixture
def telescope(incoming: Path, out: Path, model: Path) -> Telescope:
    return Telescope(incoming, out, model)


def test_an_exposure_at_once_and_again_with_its_field(telescope: Telescope) -> None:
    for number in range(3):
        write_exposure(telescope.incoming, number)
        assert telescope.turn() == [f"F0001-{n + 1}.fits" for n in range(number + 1)]
        (record,) = read_records(telescope.out)
        assert (record.version, record.provisional) == (number + 1, number == 0)
        flags = read_catalogue(telescope.out / "F0001/sextractor_cat/F0001-1.cat").table[FLAGS]
        assert bool((flags[:3] & STATIONARY).all()) == (number > 0)
        assert bool((flags & PROVISIONAL).all()) == (number == 0)
        assert telescope.turn() == []
    assert record.counts == {"detections": 15, "stationary": 12, "scored": 3, "kept": 15, "tracklets": 1}
    assert set(record.seconds) == {"read", "cut", "infer", "write"}


def test_nothing_of_a_first_answer_is_left_out(incoming: Path, out: Path, model: Path) -> None:
    telescope = Telescope(incoming, out, model, keep_above=0.999)
    write_exposure(incoming, 0)
    telescope.turn()
    assert len(read_catalogue(out / "F0001/sextractor_cat/F0001-1.cat").table) == 5
    write_exposure(incoming, 1)
    telescope.turn()
    assert len(read_catalogue(out / "F0001/sextractor_cat/F0001-1.cat").table) < 5
    assert (out / "F0001/sextractor_cat/F0001-1.dropped.cat").exists()


def test_the_newest_first(telescope: Telescope) -> None:
    for field in "ABC":
        write_exposure(telescope.incoming / field, 0, field=field)
        telescope.now += 10
        telescope.fields()
    assert [telescope.turn(0)[0][0] for _ in range(3)] == ["C", "B", "A"]


def test_what_is_done_is_not_done_again(telescope: Telescope) -> None:
    write_field(telescope.incoming)
    assert len(telescope.turn()) == 3
    before = telescope.tables()
    telescope.begin()
    assert telescope.turn() == []
    frame = write_exposure(telescope.incoming, 3)
    assert len(telescope.turn()) == 4
    frame.touch()
    assert len(telescope.turn()) == 4  # a replaced file
    next(telescope.out.rglob("F0001-2.cat")).unlink()
    assert len(telescope.turn()) == 4  # a table that somebody took away
    assert telescope.turn() == []
    assert telescope.tables().keys() == before.keys() | {"F0001-4.cat"}


def test_a_field_whose_exposures_are_all_of_others_now_is_forgotten(telescope: Telescope) -> None:
    frames = write_field(telescope.incoming)
    telescope.turn()
    for night, frame in enumerate(frames):
        fits.setval(frame, "MJD-OBS", value=60010.1 + night)
    for _ in frames:
        telescope.turn()
    assert telescope.turn() == []
    assert [len(record.exposures) for record in read_records(telescope.out)] == [1] * 3
    assert set(telescope.work.records) == {record.name for record in read_records(telescope.out)}


def test_another_classifier_is_asked_on_request_only(telescope: Telescope) -> None:
    write_field(telescope.incoming)
    telescope.turn()
    model = Path(telescope.settings.model)
    model.write_bytes(model.read_bytes() + b" ")
    telescope.begin()
    assert telescope.turn() == []
    telescope.begin(overwrite=True)
    assert len(telescope.turn()) == 3
    assert telescope.turn() == []


def test_a_broken_exposure_is_passed_on_alone(telescope: Telescope, capsys: pytest.CaptureFixture[str]) -> None:
    _, broken, _ = write_field(telescope.incoming)
    broken.write_bytes(b"no FITS")
    classified = [telescope.turn(100) for _ in range(3)]
    assert sorted(classified) == [[], ["F0001-1.fits", "F0001-3.fits"], ["F0001-2.fits"]]
    assert sorted(telescope.fates()) == [CLASSIFIED, CLASSIFIED, PASSED_ON]
    own = broken.parents[1] / "sextractor_cat" / "F0001-2.cat"
    rows = read_catalogue(telescope.out / "F0001/sextractor_cat/F0001-2.cat").table
    assert len(rows) == len(read_catalogue(own).table)
    assert "UNFILTERED" in capsys.readouterr().err


def test_a_catalogue_without_a_frame_is_passed_on(telescope: Telescope) -> None:
    frame = write_exposure(telescope.incoming, 0)
    whole = frame.read_bytes()
    frame.unlink()
    assert telescope.turn() == []
    assert telescope.turn(100) == ["F0001-1.cat"]
    assert telescope.fates() == [PASSED_ON]
    frame.write_bytes(whole)
    assert telescope.turn() == ["F0001-1.fits"]
    assert telescope.fates() == [CLASSIFIED]


def test_a_catalogue_that_goes_on_has_the_format_of_the_others(incoming: Path, out: Path, model: Path) -> None:
    telescope = Telescope(incoming, out, model, format="CSV")
    write_exposure(incoming, 0).unlink()
    telescope.turn()
    telescope.turn(100)
    assert telescope.fates() == [PASSED_ON]
    passed_on = read_catalogue(out / "F0001/sextractor_cat/F0001-1.csv")
    assert (passed_on.format, len(passed_on.table)) == ("CSV", 5)


def failing(monkeypatch: pytest.MonkeyPatch, times: int, error: Exception) -> Iterator[int]:
    """Let classifying fail some times; yields how often it was asked."""
    asked = 0
    real = jobs.classify

    def classify(*arguments: Any, **options: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked <= times:
            raise error
        return real(*arguments, **options)

    monkeypatch.setattr(jobs, "classify", classify)
    while True:
        yield asked


@pytest.mark.parametrize("error", [CeresFastError("the GPU is lost"), ValueError("a fault"), MemoryError()])
def test_a_field_that_fails_is_tried_again_and_then_passed_on(
    telescope: Telescope, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    asked = failing(monkeypatch, 100, error)
    write_field(telescope.incoming / "x", field="A")
    next(asked)
    assert len(telescope.turn()) == 3
    assert telescope.turn() == []  # a pause, in which others come first
    write_exposure(telescope.incoming / "y", 0, field="B")
    assert telescope.turn(1000) == ["B-1.fits"]  # first what is new
    for _ in range(5):
        telescope.turn(1000)
    assert next(asked) == 2 * ATTEMPTS
    assert telescope.fates() == [PASSED_ON] * 4
    source = telescope.incoming / "x/A/sextractor_cat/A-1.cat"
    assert (telescope.out / "x/A/sextractor_cat/A-1.cat").read_bytes() == source.read_bytes()


def test_what_failed_is_tried_again_when_the_program_is_started_anew(
    telescope: Telescope, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = failing(monkeypatch, ATTEMPTS, CeresFastError("the GPU is lost"))
    next(asked)
    write_field(telescope.incoming)
    for _ in range(ATTEMPTS + 1):
        telescope.turn(1000)
    assert telescope.fates() == [PASSED_ON] * 3
    telescope.begin()
    assert len(telescope.turn()) == 3
    assert telescope.fates() == [CLASSIFIED] * 3
    assert telescope.turn() == []


def test_what_failed_once_is_good_the_second_time(telescope: Telescope, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = failing(monkeypatch, 1, OSError(errno.EIO, os.strerror(errno.EIO)))
    next(asked)
    write_field(telescope.incoming)
    telescope.turn()
    telescope.turn(1000)
    assert telescope.fates() == [CLASSIFIED] * 3


def forget(telescope: Telescope) -> None:
    """Take away what is known of the fields, as if the program had been killed before it was written."""
    for path in (telescope.out / "fields").iterdir():
        path.unlink()
    telescope.begin()


LOST = CeresFastError("the GPU is lost")


@pytest.mark.parametrize("options", [{}, {"format": "CSV"}, {"keep_above": 0.5}])
@pytest.mark.parametrize("how", [None, "was killed by signal 9", "was not finished after 1800 s"])
def test_a_good_table_is_never_replaced_by_a_worse_one(
    incoming: Path,
    out: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: dict[str, Any],
    how: str | None,
) -> None:
    telescope = Telescope(incoming, out, model, **options)
    write_field(incoming)
    telescope.turn()
    before = telescope.tables()
    assert len(before) == (6 if "keep_above" in options else 3)
    forget(telescope)
    if how is None:
        next(failing(monkeypatch, 100, LOST))
    else:
        monkeypatch.setattr(telescope.work, "lanes", Ending(how))
    for _ in range(ATTEMPTS + 1):
        telescope.turn(1000)
    assert telescope.fates() == [KEPT] * 3
    assert telescope.tables() == before
    assert "UNFILTERED" not in capsys.readouterr().err


class Ending(Here):
    """Processes that end before their task does."""

    def __init__(self, how: str) -> None:
        self.how = how

    def start(self, function: Any, task: Any, timeout: float | None = None) -> Future[Outcome[Any]]:
        assert timeout == LONGEST
        future: Future[Outcome[Any]] = Future()
        future.set_result(failure(TaskFailed(f"the process {self.how}")))
        return future


def test_a_table_of_other_detections_is_replaced_and_what_was_left_out_of_it(
    incoming: Path, out: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    telescope = Telescope(incoming, out, model, keep_above=0.5)
    frames = write_field(incoming)
    telescope.turn()
    before = telescope.tables()
    catalogue = frames[1].parents[1] / "sextractor_cat" / "F0001-2.cat"
    catalogue.write_text(catalogue.read_text().replace("100.0", "101.0"))
    next(failing(monkeypatch, 100, LOST))
    for _ in range(ATTEMPTS + 1):
        telescope.turn(1000)
    assert sorted(telescope.fates()) == [KEPT, KEPT, PASSED_ON]
    after = telescope.tables()
    assert before.keys() - after.keys() == {"F0001-2.dropped.cat"}
    assert [name for name in after if after[name] != before[name]] == ["F0001-2.cat"]
    assert after["F0001-2.cat"] == catalogue.read_bytes()


def test_a_folder_that_is_not_mounted_forgets_nothing(telescope: Telescope) -> None:
    write_field(telescope.incoming)
    telescope.turn()
    hidden = telescope.incoming.rename(telescope.incoming.with_name("elsewhere"))
    telescope.incoming.mkdir()
    assert telescope.turn() == []
    telescope.incoming.rmdir()
    hidden.rename(telescope.incoming)
    assert telescope.turn() == []
    assert len(telescope.tables()) == len(read_records(telescope.out)[0].exposures) == 3


def test_a_full_disk_is_waited_for(telescope: Telescope, monkeypatch: pytest.MonkeyPatch) -> None:
    write_field(telescope.incoming)
    full = CeresFastError("no space left")
    next(failing(monkeypatch, 5, full))
    passed = works.pass_on_field

    def refuse(*_: Any) -> Any:
        raise full

    monkeypatch.setattr(works, "pass_on_field", refuse)
    for _ in range(5):
        telescope.turn(1000)
    assert not telescope.fates()
    monkeypatch.setattr(works, "pass_on_field", passed)
    telescope.turn(1000)
    assert telescope.fates() == [CLASSIFIED] * 3


@pytest.mark.parametrize("content", ["{", '{"name": "F0001", "of another version": 1}'])
def test_a_damaged_record_is_told_and_its_field_classified_again(
    telescope: Telescope, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(telescope.incoming)
    telescope.turn()
    next((telescope.out / "fields").iterdir()).write_text(content)
    with pytest.raises(InputError, match="record of a field"):
        read_records(telescope.out)
    telescope.begin()
    assert "record of a field" in capsys.readouterr().err
    assert len(telescope.turn()) == 3
    assert telescope.fates() == [CLASSIFIED] * 3


def test_a_field_that_nothing_can_be_written_of_keeps_no_other_waiting(
    telescope: Telescope, capsys: pytest.CaptureFixture[str]
) -> None:
    telescope.out.mkdir()
    (telescope.out / "x").write_text("a file where the tables of a field go")
    write_field(telescope.incoming / "x", field="A")
    write_field(telescope.incoming / "y", field="B")
    for seconds in (1000, 1, 1000, 1000, 1):
        telescope.turn(seconds)
    assert [record.name[:1] for record in read_records(telescope.out)] == ["B"]
    assert "cannot be passed on" in capsys.readouterr().err
    (telescope.out / "x").unlink()
    telescope.turn(1000)
    assert telescope.fates() == [CLASSIFIED] * 6


def test_that_an_exposure_is_broken_is_said_once(telescope: Telescope, capsys: pytest.CaptureFixture[str]) -> None:
    frame, other, _ = write_field(telescope.incoming)
    frame.write_bytes(b"")
    catalogue = other.parents[1] / "sextractor_cat" / f"{other.stem}.cat"
    catalogue.write_bytes(b"")
    for _ in range(6):
        telescope.turn(1000)
    assert Counter(telescope.fates())[PASSED_ON] == 2
    said = capsys.readouterr().err
    assert said.count("UNFILTERED") == 2
    assert said.lower().count("passed on") == said.count("could not be classified") == 0
    telescope.begin()
    for record in telescope.work.records.values():
        telescope.work.say_passed_on(record)
    assert capsys.readouterr().err.count("UNFILTERED") == 2


def test_what_was_passed_on_into_the_night_itself_is_no_catalogue_of_it(incoming: Path, model: Path) -> None:
    telescope = Telescope(incoming, incoming / "classified", model)
    telescope.arrivals.output = telescope.out
    frame = write_exposure(incoming, 0)
    frame.unlink()
    for _ in range(4):
        telescope.turn(1000)
    assert telescope.fates() == [PASSED_ON]
    assert len(telescope.tables()) == 1


def test_what_is_linked_in_from_elsewhere_has_tables_of_its_own(
    telescope: Telescope, incoming: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    for night in ("one", "two"):
        frame = write_exposure(archive, 0, field=night)
        frame.rename(frame.with_name("same.fits"))
        (archive / night / f"sextractor_cat/{night}-1.cat").rename(archive / night / "sextractor_cat/same.cat")
        (incoming / night).symlink_to(archive / night)
    for _ in range(2):
        telescope.turn()
    assert telescope.turn() == []
    made = sorted(path.relative_to(telescope.out) for path in telescope.out.rglob("*.cat"))
    assert made == [archive.relative_to("/") / night / "sextractor_cat/same.cat" for night in ("one", "two")]
