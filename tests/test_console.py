"""What is printed: results on standard output, warnings and progress on standard error, brackets as they are."""

import io

import pytest
from rich.console import Console

from ceres_fast import console

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
