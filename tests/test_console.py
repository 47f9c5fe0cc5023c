"""What is printed: results on standard output, warnings and progress on standard error, brackets as they are."""

import io
import os
import pickle
import select
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
from rich.console import Console

from ceres_fast import console
from ceres_fast.errors import InputError

MARKUP = "frame[1] [bold]x[/] [/nonsense] ends"


def test_a_warning_goes_to_standard_error_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn(MARKUP)
    printed = capsys.readouterr()
    assert printed.err == f"warning: {MARKUP}\n"
    assert printed.out == ""


def test_a_long_warning_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn("long " * 100)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_table_shows_every_cell_and_numbers_on_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    console.table("Stamps", ("class", "count"), [("asteroid", 5), ("non-asteroid", 12345), ("[odd/]", None)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "Stamps"
    rows = [line.strip("│").split("│") for line in lines if "│" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["asteroid", "5"],
        ["non-asteroid", "12345"],
        ["[odd/]", "None"],
    ]
    assert rows[0][0].startswith(" asteroid")
    assert rows[0][1].endswith("    5 ")


def test_a_table_cuts_no_name_and_no_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(console.console, "_width", 80)  # it looks at the variable when it is made
    shown = ["0.1234 ± 0.0123"] * 4
    columns = ["backbone", "runs", "loss", "accuracy", "asteroid recall", "auc"]
    console.table("Results", columns, [["inceptionresnetv2", 3, *shown], ["xception", 10, *shown]])
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    words = printed.replace("│", " ").replace("┃", " ").split()
    assert {"inceptionresnetv2", "xception", "backbone", "runs", "loss", "accuracy", "recall", "auc"} <= set(words)
    assert [words.count(word) for word in ("0.1234", "±", "0.0123")] == [8, 8, 8]
    monkeypatch.setattr(console.console, "_width", 20)  # too narrow for its longest words: turned, and still not cut
    console.table("Results", columns, [["inceptionresnetv2", 3, *shown], ["xception", "", *shown]])
    printed = capsys.readouterr().out
    assert printed.splitlines()[:4] == ["Results", "inceptionresnetv2", "  runs: 3; loss:", "  0.1234 ± 0.0123;"]
    of_each = "; ".join(f"{name}: 0.1234 ± 0.0123" for name in columns[2:])
    assert " ".join(printed.split()) == f"Results inceptionresnetv2 runs: 3; {of_each} xception {of_each}"
    console.table("Counts", ["what", "number"], [["unreadable_detections", 12], ["", 3]])
    assert capsys.readouterr().out.splitlines() == ["Counts", "unreadable_detections: 12", "  3"]


@pytest.mark.parametrize("columns", ["", "0", "wide"])
def test_in_a_pipe_a_table_is_as_wide_as_it_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """Where nobody says how wide it is: Rich would take 80."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(console.console, "_width", None)
    names = ["a name with spaces " * 20, "name" * 100]
    console.table("Frames", ["frame", "why"], [names])
    assert [cell.strip() for cell in capsys.readouterr().out.splitlines()[4].strip("│").split("│")] == [
        each.strip() for each in names
    ]


def test_a_name_neither_ends_a_line_nor_controls_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b[31m\r\x9b2J\x85\u2028\udce9.fits"
    shown = r"a\x1b[31m\x0d\xc2\x9b2J\xc2\x85\xe2\x80\xa8\xe9.fits"
    console.say(f"{name}\nanother line")
    console.table(name, ["file"], [[f"{name}\n"]])
    console.warn(name)
    console.say_error(str(InputError(f"{name}\n", "is odd")))
    out, err = capsys.readouterr()
    assert out.splitlines()[:2] == [shown, "another line"]
    assert out.count(shown) == 3
    assert err.splitlines() == [f"warning: {shown}", rf"error: {shown}\x0a: is odd."]


def test_an_empty_table_is_no_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    console.table("Nothing", ("class", "count"), [])
    assert "class" in capsys.readouterr().out


def test_nothing_is_drawn_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(console.track(["a", "b"], "reading")) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_progress_is_drawn_on_a_terminal_and_wiped_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "errors", Console(file=screen, force_terminal=True, width=80))
    assert list(console.track(range(3), "reading")) == [0, 1, 2]
    assert "reading" in screen.getvalue()
    assert "3/3" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[1A\x1b[2K")


def test_warnings_can_be_kept_for_later(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), console.warnings_kept() as outer:
        console.warn("one")
        with console.warnings_kept() as inner:
            console.warn("two")
        raise KeyError
    console.warn("three")
    assert (outer, inner) == (["one"], ["two"])
    assert capsys.readouterr().err == "warning: three\n"


def test_a_warning_of_a_kind_is_printed_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_printed", set())
    with console.warnings_kept() as first:
        console.warn_once("padding", "a.fits: is odd")
        console.warn_once("padding", "b.fits: is odd")
    with console.warnings_kept() as second:  # of another worker, perhaps
        console.warn_once("padding", "c.fits: is odd")
    assert (first, second) == (["a.fits: is odd"], ["c.fits: is odd"])
    for message in pickle.loads(pickle.dumps([*first, *second])):
        console.warn(message)
    console.warn_once("padding", "d.fits: is odd")
    console.warn_once("scale", "d.fits: is odd, too")
    assert capsys.readouterr().err == "warning: a.fits: is odd\nwarning: d.fits: is odd, too\n"


def test_colons_in_a_path_are_no_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("night:star:/a.fits")
    console.warn("night:star:/b.fits")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("night:star:/a.fits\n", "warning: night:star:/b.fits\n")


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", r"P ≥ 0.5 … − × é σ ★ \xff"),
        ("latin-1", r"P >= 0.5 ... - × é ? ? \xff"),
        ("cp1252", r"P >= 0.5 … - × é ? ? \xff"),
        ("ascii", r"P >= 0.5 ... - x e ? ? \xff"),
    ],
)
def test_what_a_screen_cannot_show_is_shown_plainly(monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str) -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    console.say("P ≥ 0.5 … − × é σ ★ \udcff")  # the last is a byte of a name that is not UTF-8
    console.table("Boxes", ["P ≥ 0.5"], [["★"]])
    screen.seek(0)
    assert screen.readline() == f"{shown}\n"
    assert ("│" in screen.read()) == (encoding == "utf-8")


@pytest.fixture(params=["full", "closed", "none"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TextIO | None]:
    """A stream that takes nothing."""
    if request.param == "none":
        yield None
    elif request.param == "closed":
        (closed := (tmp_path / "log").open("w", encoding="utf-8")).close()
        yield closed
    else:
        if not Path("/dev/full").exists():
            pytest.skip("there is no /dev/full here")
        with pytest.raises(OSError, match="space"), Path("/dev/full").open("w", encoding="utf-8") as full:
            yield full  # closing it shows that it was really full


def test_what_cannot_be_printed_costs_itself_only(monkeypatch: pytest.MonkeyPatch, broken: TextIO | None) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, broken)
    console.say("a")
    console.warn("b")
    console.say_error("c")
    console.table("d", ["e"], [["f" * 10_000]])
    assert list(console.track([1, 2], "reading")) == [1, 2]


def test_a_disk_that_has_room_again_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    class Disk(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full:
                raise OSError(28, "No space left on device")
            return super().write(text)

    monkeypatch.setattr(sys, "stdout", disk := Disk())
    console.say("lost")
    disk.full = False
    console.say("there")
    assert disk.getvalue() == "there\n"


PRINTS = """
import faulthandler, logging, os, subprocess, sys, warnings
from ceres_fast.console import guard_output
guard_output()
faulthandler.enable()
if "late" in sys.argv:
    os.close(1); os.close(2)
for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
    print("≥ \\udcff" * 10_000, file=stream, flush=True)
    stream.writelines(["a"] * 10_000)
    stream.buffer.write(b"b" * 10_000)
    stream.buffer.flush()
logging.basicConfig(stream=sys.stderr)
logging.error("≥" * 10_000)
warnings.warn("≥" * 10_000)
subprocess.run([sys.executable, "-c", "import sys; print('x' * 10_000, file=sys.stderr)"])
sys.excepthook(*[ValueError, ValueError("≥" * 10_000), None])
print("left for the end")
sys.exit(7)
"""
"""Every way of printing, and more than a buffer holds."""


@pytest.mark.parametrize(
    "place",
    [
        "{} >/dev/full 2>&1",
        "PYTHONUNBUFFERED=1 {} >/dev/full 2>&1",
        "PYTHONIOENCODING=ascii {} >/dev/null 2>&1",
        "{} late 2>/dev/null >/dev/null",
        "{} <&- >&- 2>&-",
        "{ {}; } 2>&1 | true",
    ],
)
def test_no_way_of_printing_decides_how_a_program_ends(place: str, tmp_path: Path) -> None:
    if "/dev/full" in place and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    (tmp_path / "prints.py").write_text(PRINTS, encoding="utf-8")
    program = shlex.join([sys.executable, str(tmp_path / "prints.py")])
    line = place.replace("{}", f"sh -c {shlex.quote(f'{program} $*; echo $? >status')} prints")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(["sh", "-c", line], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (tmp_path / "status").read_text() == "7\n", done.stderr


WORKS = """
import sys
from ceres_fast.machine.workers import in_order

def chatter(number):
    print("x" * 100_000, flush=True)
    print("x" * 100_000, file=sys.stderr)
    return number

if __name__ == "__main__":
    outcomes = in_order(chatter, [1, 2, 3], 2, RuntimeError)
    sys.exit(sum(outcome.get() for outcome in outcomes))
"""


def test_nor_does_what_a_worker_prints(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    (tmp_path / "works.py").write_text(WORKS, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with Path("/dev/full").open("wb", buffering=0) as full:
        done = subprocess.run([sys.executable, tmp_path / "works.py"], env=environment, stdout=full, stderr=full)
    assert done.returncode == 6


def test_a_pipe_that_is_full_and_does_not_wait_costs_what_was_to_go_there() -> None:
    code = "import os, sys; from ceres_fast.console import guard_output; os.set_blocking(1, False); guard_output()\n"
    code += "for _ in range(100): print('x' * 100_000, flush=True)\nsys.exit(7)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) as process:
        assert process.wait(60) == 7


def test_a_line_is_in_a_pipe_as_soon_as_it_is_said() -> None:
    code = "import sys; from ceres_fast.console import guard_output, say; guard_output(); say('1/15'); sys.stdin.read()"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], 60)
        process.stdin.close()
        assert ready
        assert process.stdout.readline() == b"1/15\n"


def test_what_is_printed_arrives(tmp_path: Path) -> None:
    (tmp_path / "prints.py").write_text(PRINTS, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, tmp_path / "prints.py"], env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.stdout.count("≥ ?") == done.stderr.count("≥ ?") == 20_000
    assert done.stdout.endswith("b\nleft for the end\n") or done.stdout.endswith("bleft for the end\n")
    assert "ValueError: ≥≥≥" in done.stderr


@pytest.mark.parametrize("others", ["", "-I", "-X utf8=0"])
def test_names_are_utf_8_in_every_locale(others: str) -> None:
    code = "import sys; from ceres_fast.console import names_in_utf8; names_in_utf8()\n"
    code += "print(sys.getfilesystemencoding(), sys.stdout.encoding, ascii(sys.argv[1]), sys.flags.isolated)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "LC_ALL": "C", "PYTHONUTF8": "0"}
    environment.pop("PYTHONIOENCODING", None)
    done = subprocess.run(
        [sys.executable, *others.split(), "-c", code, "é"], env=environment, capture_output=True, text=True, check=True
    )
    wanted = {
        "": "utf-8 ascii '\\xe9' 0",
        "-I": "utf-8 utf-8 '\\xe9' 1",  # what the environment says of the terminal is not looked at
        "-X utf8=0": "ascii ascii '\\udcc3\\udca9' 0",  # somebody has asked for it
    }
    assert done.stdout.strip() in {wanted[others], wanted[others].replace("ascii", "ansi_x3.4-1968")}
