"""A command gets the options of settings classes: on the command line, in its help, and as settings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from ceres_fast.cli.from_settings import as_words, from_settings, given, in_panel
from ceres_fast.settings.option import only, option, options_of


@dataclass(frozen=True)
class Paint:
    """Some options."""

    colour: Annotated[Literal["red", "blue"] | None, option("What it is painted with.")] = None
    coats: Annotated[Literal[1, 2, 3], option("How often.", panel="Work")] = 2
    hours: Annotated[float, option("How long it dries.", gt=0, metavar="X", name="drying-time")] = 0.5
    ends: Annotated[tuple[float, float] | None, option("From where to where.", metavar="FROM TO")] = None
    wall: Annotated[Path, option("Where.", metavar="WALL")] = Path("wall")
    gloss: Annotated[bool, option("Whether it shines.")] = True
    dry: Annotated[bool, option("Only say it.", alone=True)] = False


seen: list[tuple[Any, ...]] = []


@from_settings(paint=Paint, panels=("Work",))
def paint(
    context: typer.Context,
    room: Annotated[str, typer.Argument(help="Which room.")] = "hall",
    *,
    paint: Paint,
) -> None:
    """Paint a room."""
    seen.append((room, paint, given(context)))


def invoke(*arguments: str, status: int = 0) -> str:
    app = typer.Typer()
    app.command()(paint)
    seen.clear()
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "100"})
    assert done.exit_code == status, done.output
    return done.output


def test_a_command_gets_the_defaults_of_the_class() -> None:
    invoke()
    assert seen == [("hall", Paint(), set())]


def test_a_command_gets_what_is_given() -> None:
    invoke(
        "attic",
        "--colour=blue",
        "--coats=3",
        "--drying-time=2",
        "--ends",
        "0",
        "1.5",
        "--wall=w",
        "--no-gloss",
        "--dry",
    )
    names = {"room", "colour", "coats", "hours", "ends", "wall", "gloss", "dry"}
    assert seen == [("attic", Paint("blue", 3, 2.0, (0.0, 1.5), Path("w"), False, True), names)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--colour", "green"], "--colour"),
        (["--coats", "4"], "--coats"),
        (["--drying-time", "0"], "0.0: expected a number of above 0."),
        (["--drying-time", "nan"], "expected a number of above 0."),
        (["--no-dry"], "--no-dry"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str], message: str) -> None:
    assert message in invoke(*arguments, status=2)
    assert not seen


def test_help_has_panels_defaults_and_metavars() -> None:
    printed = invoke("--help")
    assert printed.index("--colour") < printed.index("Work")
    assert "--gloss" in printed
    assert "--no-gloss" in printed
    for words in ("What it is painted with.", "FROM TO", "[default: gloss]", "[default: wall]", "1|2|3"):
        assert words in printed


@pytest.mark.parametrize(
    ("bounds", "shown"),
    [
        ({"ge": 0}, "N [x>=0]"),
        ({"ge": 1}, "N [x>=1]"),
        ({"gt": 0}, "N [x>0]"),
        ({"ge": 0, "le": 2**32 - 1}, "N [x>=0]"),
        ({"ge": 1, "le": 8}, "N [1<=x<=8]"),
        ({"gt": 0, "le": 1}, "N [x<=1]"),
        ({}, "N"),
    ],
)
def test_help_shows_the_bounds_of_a_number(bounds: dict[str, float], shown: str) -> None:
    kind = Annotated[int, option("Some number.", metavar="N", **bounds)]
    settings = make_dataclass("Numbers", [("number", kind, field(default=1))], frozen=True)

    @from_settings(some=settings)
    def show(some: Any) -> None: ...

    app = typer.Typer()
    app.command()(show)
    printed = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100"}).output
    assert re.search(r"--number +(N.*?) +Some number", printed)[1].strip() == shown  # type: ignore[index]


def test_a_mapping_gives_a_dict_and_another_panel() -> None:
    got = []

    @from_settings(some=in_panel("Elsewhere", only(Paint, "coats", "wall")))
    def show(some: dict[str, Any]) -> None:
        got.append(some)

    app = typer.Typer()
    app.command()(show)
    assert CliRunner().invoke(app, ["--coats", "1"]).exit_code == 0
    assert got == [{"coats": 1, "wall": Path("wall")}]
    assert "Elsewhere" in CliRunner().invoke(app, ["--help"]).output


def test_values_as_typer_knows_them() -> None:
    assert as_words(options_of(Paint), {"coats": 3, "hours": 2.0}) == {"coats": "3", "hours": 2.0}
