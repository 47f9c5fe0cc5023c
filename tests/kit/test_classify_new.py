"""The edge service classifies what is new and whole, all exposures of a field together, and loses nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from astropy.io import fits

from ceres_fast.catalogues import read_catalogue
from ceres_fast.classify.scores import FLAGS, STATIONARY
from ceres_fast.errors import CeresFastError
from ceres_fast.locks import lock
from ceres_fast.selection.rules import Rules

from ..survey_files import write_exposure, write_field
from ..tiny_models import classifier, peak_model, written

EDGE = Path(__file__).parents[2] / "export" / "edge"
LATER, MUCH_LATER = 100.0, 10_000.0
"""Seconds: longer than files settle; longer than anything is waited for."""


@pytest.fixture(scope="module")
def module() -> ModuleType:
    sys.path.insert(0, str(EDGE))
    try:
        import classify_new
    finally:
        sys.path.remove(str(EDGE))
    return classify_new


class Service:
    """The service with a clock of its own, in whose place `command` classifies where it is given."""

    def __init__(self, module: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module, self.monkeypatch = module, monkeypatch
        self.input, self.output, self.state = folder / "incoming", folder / "out", folder / "var" / "state.json"
        self.model = written(folder, peak_model(classifier_json=classifier(rules=Rules().as_dict()).to_json()))
        self.input.mkdir()
        self.clock = 1e9
        self.calls: list[list[str]] = []

    def stand_in(self, command: Callable[[list[str]], int]) -> None:
        """Classify with this; it is given the frames' names and returns an exit status."""

        def run(arguments: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
            assert options["timeout"] == self.module.TIMEOUT
            frames = [Path(each).name for each in arguments[4 : arguments.index("--model")]]
            self.calls.append(frames)
            return subprocess.CompletedProcess(arguments, command(frames))

        self.monkeypatch.setattr(self.module.subprocess, "run", run)

    def run(self, after: float = LATER, *options: str) -> int:
        """Start it once, some seconds later."""
        self.clock += after
        where = (str(self.input), "--model", str(self.model), "--output", str(self.output), "--state", str(self.state))
        return self.module.main([*where, "--exposures", "3", *options], lambda: self.clock)

    def tables(self) -> list[str]:
        return sorted(path.name for path in self.output.rglob("*.cat"))


@pytest.fixture
def service(module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(module, tmp_path, monkeypatch)


@pytest.fixture
def calls(service: Service) -> list[list[str]]:
    service.stand_in(lambda frames: 0)
    return service.calls


def names(*numbers: int, field: str = "F0001") -> list[str]:
    return [f"{field}-{number}.fits" for number in numbers]


def test_a_field_is_classified_once_and_for_all(service: Service) -> None:
    write_field(service.input / "night")
    assert service.run(0) == 0
    assert service.tables() == []  # nothing has stayed as it is for a minute yet
    assert service.run() == 0
    assert service.tables() == [f"F0001-{number}.cat" for number in (1, 2, 3)]
    table = service.output / "night" / "F0001" / "sextractor_cat" / "F0001-2.cat"
    flags = read_catalogue(table).table[FLAGS]
    assert list(flags[:4]) == [STATIONARY] * 4  # told from all exposures
    before = table.stat().st_mtime_ns
    assert service.run() == 0
    assert table.stat().st_mtime_ns == before
    assert not list(service.input.rglob("*PROB*"))


def test_a_field_is_waited_for(service: Service, calls: list[list[str]]) -> None:
    write_exposure(service.input, 0)
    write_exposure(service.input, 1)
    service.run(0)
    service.run()
    assert calls == []
    write_exposure(service.input, 2)
    service.run()
    service.run()
    assert calls == [names(1, 2, 3)]


def test_it_is_not_waited_for_for_ever(service: Service, calls: list[list[str]]) -> None:
    write_exposure(service.input, 0)
    service.run(0)
    service.run()
    assert calls == []
    service.run(MUCH_LATER)
    assert calls == [names(1)]
    write_exposure(service.input, 1)  # it comes all the same: both again, together
    service.run()
    service.run(MUCH_LATER)
    assert calls == [names(1), names(1, 2)]


def test_fields_and_nights_are_apart(service: Service, calls: list[list[str]]) -> None:
    write_field(service.input / "a", field="F0001")
    for frame in write_field(service.input / "b", field="F0002"):
        fits.setval(frame, "MJD-OBS", value=fits.getval(frame, "MJD-OBS") + (frame.stem.endswith("-3")))
    service.run(0)
    service.run()
    assert calls == [names(1, 2, 3)]
    service.run(MUCH_LATER)
    assert sorted(calls[1:]) == [names(1, 2, field="F0002"), names(3, field="F0002")]


@pytest.mark.parametrize("which", ["frame", "catalogue"])
def test_a_file_that_is_still_written_is_waited_for(service: Service, calls: list[list[str]], which: str) -> None:
    frames = write_field(service.input)
    catalogue = frames[2].parents[1] / "sextractor_cat" / f"{frames[2].stem}.cat"
    path = frames[2] if which == "frame" else catalogue
    content = path.read_bytes()
    for share in (0.3, 0.6, 1.0):
        path.write_bytes(content[: int(share * len(content))])
        service.run(50)
        assert calls == []
    service.run(50)
    service.run(50)
    assert calls == [names(1, 2, 3)]


def test_a_frame_without_a_catalogue_is_waited_for(service: Service, calls: list[list[str]]) -> None:
    frames = write_field(service.input)
    catalogue = frames[0].parents[1] / "sextractor_cat" / "F0001-1.cat"
    content = catalogue.read_bytes()
    catalogue.unlink()
    service.run(0)
    service.run()
    assert calls == []
    catalogue.write_bytes(content)
    service.run()
    service.run()
    assert calls == [names(1, 2, 3)]


def test_a_replaced_file_is_classified_again(service: Service, calls: list[list[str]]) -> None:
    frames = write_field(service.input)
    service.run(0)
    service.run()
    os.utime(frames[1], ns=(1, 1))
    service.run()
    service.run()
    assert calls == [names(1, 2, 3)] * 2


def test_files_from_the_future_settle_too(service: Service, calls: list[list[str]]) -> None:
    for frame in write_field(service.input):
        os.utime(frame, (4e9, 4e9))
    service.run(0)
    service.run()
    assert calls == [names(1, 2, 3)]


def test_a_field_that_fails_keeps_nobody_waiting(
    service: Service, calls: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    bad = names(1, 2, 3, field="A")
    service.stand_in(lambda frames: 1 if frames == bad else 0)
    write_field(service.input / "x", field="A")
    write_field(service.input / "y", field="B")
    service.run(0)
    assert [service.run() for _ in range(5)] == [3] * 5  # the alarm stays while it is there
    assert calls == [bad, names(1, 2, 3, field="B"), bad, bad]
    # Nothing is lost: the catalogues go on as they are, where the others' tables are.
    passed_on = service.output / "x" / "A" / "sextractor_cat" / "A-1.cat"
    assert passed_on.read_bytes() == (service.input / "x" / "A" / "sextractor_cat" / "A-1.cat").read_bytes()
    assert len(service.tables()) == 3
    assert capsys.readouterr().out.count("UNFILTERED") == 3
    service.model.write_bytes(service.model.read_bytes() + b" ")  # another classifier may do it
    service.stand_in(lambda frames: 0)
    assert [service.run(), service.run()] == [0, 0]
    assert calls[4:] == [bad]


def test_what_failed_comes_after_what_is_new(service: Service, calls: list[list[str]]) -> None:
    service.stand_in(lambda frames: 1)
    write_field(service.input / "x", field="A")
    service.run(0)
    service.run()
    write_field(service.input / "y", field="B")
    service.run()
    service.run()
    assert [frames[0][0] for frames in calls] == ["A", "A", "B", "A"]


def test_what_classify_passed_on_is_tried_again(
    service: Service, calls: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    service.stand_in(lambda frames: 3)
    write_field(service.input)
    service.run(0)
    assert [service.run() for _ in range(5)] == [3] * 5
    assert len(calls) == 3
    assert service.tables() == []  # those of `classify` stay; the service writes none of its own over them
    assert "UNFILTERED" not in capsys.readouterr().out
    service.model.write_bytes(service.model.read_bytes() + b" ")
    assert service.run() == 3
    service.stand_in(lambda frames: 0)  # a GPU that is back, say
    assert [service.run(), service.run()] == [0, 0]
    assert len(calls) == 5


def test_provisional_scores_are_done_until_another_exposure_comes(service: Service, calls: list[list[str]]) -> None:
    service.stand_in(lambda frames: 4)
    write_exposure(service.input, 0)
    write_exposure(service.input, 1)
    service.run(0)
    assert [service.run(MUCH_LATER) for _ in range(3)] == [0] * 3
    assert calls == [names(1, 2)]
    write_exposure(service.input, 2)
    service.run(0)
    assert service.run() == 0
    assert calls[1:] == [names(1, 2, 3)]


def test_the_alarm_ends_with_what_is_gone(service: Service) -> None:
    service.stand_in(lambda frames: 3 if frames[0][0] == "A" else 0)
    write_field(service.input / "x", field="A")
    write_field(service.input / "y", field="B")
    service.run(0)
    assert service.run() == 3
    (service.input / "x").rename(service.input.with_name("old"))
    assert service.run() == 0


def test_a_field_that_takes_for_ever_is_one_that_fails(service: Service) -> None:
    def run(arguments: list[str], **options: Any) -> None:
        raise subprocess.TimeoutExpired(arguments, options["timeout"])

    service.monkeypatch.setattr(service.module.subprocess, "run", run)
    write_field(service.input)
    service.run(0)
    assert [service.run() for _ in range(4)] == [3] * 4
    assert len(service.tables()) == 3


def good_tables(service: Service) -> dict[Path, bytes]:
    """Classify the field that is there, and forget that; return the tables."""
    service.run(0)
    assert service.run() == 0
    service.state.unlink()
    tables = {path: path.read_bytes() for path in service.output.rglob("*.*") if path.is_file()}
    assert len(tables) == 3
    return tables


def timed_out(frames: list[str]) -> int:
    raise subprocess.TimeoutExpired("classify", 1)


@pytest.mark.parametrize("command", [lambda frames: 1, lambda frames: -9, lambda frames: 120, timed_out])
def test_a_good_table_is_never_replaced_by_a_worse_one(
    service: Service, command: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(service.input)
    tables = good_tables(service)
    service.stand_in(command)
    service.run(0)
    assert [service.run() for _ in range(4)] == [3] * 4
    assert {path: path.read_bytes() for path in tables} == tables
    said = capsys.readouterr().out
    assert "UNFILTERED" not in said
    assert said.count("its table is there, and stays") == 3


def test_a_table_of_other_detections_is_replaced(service: Service) -> None:
    frames = write_field(service.input)
    tables = good_tables(service)
    service.stand_in(lambda frames: 1)
    catalogue = frames[1].parents[1] / "sextractor_cat" / "F0001-2.cat"
    catalogue.write_text(catalogue.read_text().replace("100.0", "101.0"))
    service.run(0)
    assert [service.run() for _ in range(3)] == [3] * 3
    changed = [path for path in tables if path.read_bytes() != tables[path]]
    assert [path.name for path in changed] == ["F0001-2.cat"]
    assert changed[0].read_bytes() == catalogue.read_bytes()


@pytest.mark.parametrize("options", [["--format", "CSV"], ["--keep-above", "0.5"]])
def test_a_good_table_is_known_in_other_formats_and_with_rows_left_out(service: Service, options: list[str]) -> None:
    write_field(service.input)
    service.run(0)
    assert service.run(LATER, "--", *options) == 0
    tables = {path: path.read_bytes() for path in service.output.rglob("*.*") if path.is_file()}
    service.state.unlink()
    service.stand_in(lambda frames: 1)
    service.run(0)
    assert [service.run() for _ in range(3)] == [3] * 3
    assert {path: path.read_bytes() for path in service.output.rglob("*.*") if path.is_file()} == tables


def test_nothing_that_was_dropped_of_other_detections_stays_beside(service: Service) -> None:
    frames = write_field(service.input)
    service.run(0)
    assert service.run(LATER, "--", "--keep-above", "0.5") == 0
    assert len(list(service.output.rglob("*.dropped.cat"))) == 3
    catalogue = frames[1].parents[1] / "sextractor_cat" / "F0001-2.cat"
    catalogue.write_text(catalogue.read_text().replace("100.0", "101.0"))
    service.stand_in(lambda frames: 1)
    service.run()
    assert [service.run() for _ in range(3)] == [3] * 3
    assert sorted(path.name for path in service.output.rglob("*.dropped.cat")) == [
        "F0001-1.dropped.cat",
        "F0001-3.dropped.cat",
    ]


def test_a_screen_that_cannot_show_it_decides_nothing(tmp_path: Path) -> None:
    model = written(tmp_path, peak_model(classifier_json=classifier(rules=Rules().as_dict()).to_json()))
    frames = write_field(tmp_path / "incoming" / "Čeres")
    for path in [*frames, *(frames[0].parents[1] / "sextractor_cat").iterdir()]:
        os.utime(path, (1e9, 1e9))
    options = ["--output", tmp_path / "out", "--state", tmp_path / "state.json", "--settle", "0", "--wait", "0"]
    command = [sys.executable, EDGE / "classify_new.py", tmp_path / "incoming", "--model", model, *options]
    environment = os.environ | {"PYTHONPATH": str(EDGE.parents[1]), "PYTHONIOENCODING": "ascii"}
    for _ in range(2):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    tables = sorted((tmp_path / "out").rglob("*.cat"))
    assert len(tables) == 3
    assert "PROB_ASTEROID" in tables[0].read_text()


def test_told_to_end_it_blames_nobody(service: Service) -> None:
    def end(frames: list[str]) -> int:
        raise SystemExit(143)

    service.stand_in(end)
    write_field(service.input)
    service.run(0)
    for _ in range(5):
        with pytest.raises(SystemExit):
            service.run()
    assert service.tables() == []
    service.stand_in(lambda frames: 0)
    assert service.run() == 0
    assert len(service.calls) == 6


def test_killed_it_counts_the_attempt(service: Service) -> None:
    write_field(service.input)
    service.run(0)

    def killed(frames: list[str]) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    service.stand_in(killed)
    for _ in range(3):
        child = os.fork()
        if child == 0:
            service.run()
            os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    service.stand_in(lambda frames: 1)
    assert service.run() == 3
    assert len(service.tables()) == 3  # passed on, although it never came back


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"seen": 1}', b'{"seen": {"x": {"y": 1}}}', b"\xff\xfe"])
def test_a_damaged_state_costs_time_only(service: Service, calls: list[list[str]], content: bytes) -> None:
    write_field(service.input)
    service.run(0)
    service.run()
    service.state.write_bytes(content)
    service.run()
    service.run()
    assert calls == [names(1, 2, 3)] * 2


def test_an_input_that_is_not_mounted_forgets_nothing(service: Service, calls: list[list[str]]) -> None:
    write_field(service.input)
    service.run(0)
    service.run()
    hidden = service.input.rename(service.input.with_name("elsewhere"))
    service.input.mkdir()
    assert service.run() == 0
    service.input.rmdir()
    hidden.rename(service.input)
    service.run()
    assert len(calls) == 1


def test_what_is_gone_is_forgotten(service: Service, calls: list[list[str]]) -> None:
    first = write_field(service.input / "x", field="A")
    service.run(0)
    service.run()
    for path in [*first, *(first[0].parents[1] / "sextractor_cat").iterdir()]:
        path.unlink()
    write_field(service.input / "y", field="B")
    service.run()
    service.run()
    state = json.loads(service.state.read_text())
    assert len(state["done"]) == 1
    assert len(state["seen"]) == 3


def test_unreadable_frames_are_passed_on_alone(service: Service) -> None:
    frames = write_field(service.input)
    frames[0].write_bytes(b"no FITS")
    service.run(0)
    service.run()
    assert service.tables() == []
    assert service.run(MUCH_LATER) == 3
    assert len(service.tables()) == 3
    passed_on = read_catalogue(service.output / "F0001" / "sextractor_cat" / "F0001-1.cat").table
    assert len(passed_on) == 5


def test_two_at_once(service: Service, calls: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    write_field(service.input)
    service.run(0)
    with lock(service.state.with_suffix(".lock")):
        assert service.run() == 0
    assert calls == []
    assert "is at work already" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["input", "model"])
def test_wrong_settings_are_told(service: Service, missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = getattr(service, missing)
    path.rmdir() if path.is_dir() else path.unlink()
    assert service.run() == 1
    assert f"{path}: does not exist" in capsys.readouterr().out


def test_further_options_go_to_classify(service: Service) -> None:
    given: list[str] = []

    def run(arguments: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        given.extend(arguments)
        return subprocess.CompletedProcess(arguments, 0)

    service.monkeypatch.setattr(service.module.subprocess, "run", run)
    write_field(service.input)
    service.run(0)
    service.run(LATER, "--", "--keep-above", "0.5")
    assert given[:4] == [sys.executable, "-m", "ceres_fast", "classify"]
    assert given[-2:] == ["--keep-above", "0.5"]
    assert "--overwrite" in given


def test_a_full_disk_is_told_and_loses_nothing(
    service: Service, calls: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    import new_exposures

    def full(path: Path, value: object) -> None:
        raise CeresFastError(f"{path}: cannot be written (No space left on device)")

    write_field(service.input)
    service.run(0)
    with service.monkeypatch.context() as patch:
        patch.setattr(new_exposures, "write_json", full)
        assert service.run() == 1
    assert "No space left" in capsys.readouterr().out
    assert calls == []
    assert service.run() == 0
    assert calls == [names(1, 2, 3)]


def test_files_with_several_ccds_keep_their_exposures_together(module: ModuleType) -> None:
    import new_exposures

    def exposure(name: str, *ccds: tuple[str, str, float]) -> Any:
        return new_exposures.Exposure(name, f"{name}.cat", [1, 2, 3, 4], 0.0, list(ccds))

    mosaics = [exposure(f"m{n}", ("F1", "A", 60000.1 + n / 1000), ("F1", "B", 60000.1 + n / 1000)) for n in range(3)]
    apart = [exposure(f"s{ccd}{n}", ("F2", ccd, 60000.2 + n / 1000)) for ccd in "AB" for n in range(2)]
    unknown = [exposure("no field", ("", "A", 60000.3)), exposure("no time", ("F1", "A", -1.0)), exposure("no header")]
    found = new_exposures.fields_of([*mosaics, *apart, *unknown], expected=3, wait=600.0, now=60.0)
    assert sorted(([each.frame for each in field.exposures], field.complete) for field in found) == [
        (["m0", "m1", "m2"], True),
        (["no field"], True),
        (["no header"], False),
        (["no time"], True),
        (["sA0", "sA1"], False),
        (["sB0", "sB1"], False),
    ]
    assert all(field.complete for field in new_exposures.fields_of(apart, expected=3, wait=60.0, now=60.0))


def test_nothing_to_do(service: Service, calls: list[list[str]]) -> None:
    assert service.run() == 0
    assert calls == []
