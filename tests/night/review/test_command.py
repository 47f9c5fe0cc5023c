"""The command: it reads a night, asks only where that is wanted, and replaces only what is its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.table import Table
from typer.testing import CliRunner

from ceres_fast.cli import app
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.night import known
from ceres_fast.night.review import page, review

from .nights import FIELDS, FIRST, small_night
from .test_page import data_of


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "night"
    made = small_night(folder)
    monkeypatch.setattr(page, "read_night", lambda output: made)
    return folder


def told(folder: Path) -> set[tuple[str, str]]:
    return {(card["known"]["name"], card["known"]["source"]) for card in data_of(folder / "review.html")["cards"]}


def test_a_page_is_written_and_nobody_is_asked(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "query_skybot", None)
    for arguments in ([], ["--known", "none"]):
        done = CliRunner().invoke(app, ["review", str(night), *arguments])
        assert done.exit_code == 0, done.output
        assert "6 tracklets" in done.output
        assert told(night) == {("", "")}
    assert not (night / "known").exists()


def test_known_objects_are_named_by_a_table(night: Path, tmp_path: Path) -> None:
    table = Table({"designation": ["433"] * 2, "mjd": [FIRST, FIRST + 0.01], "ra": [150.0] * 2, "dec": [2.0, 2.00120]})
    table.write(tmp_path / "known.csv", format="ascii.csv")
    done = CliRunner().invoke(app, ["review", str(night), "--known", str(tmp_path / "known.csv")])
    assert done.exit_code == 0, done.output
    assert told(night) == {("433", "known.csv"), ("", "known.csv")}


def test_skybot_is_asked_where_that_is_wanted_and_its_answers_are_kept(
    night: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(known, "query_skybot", lambda *arguments: asked.append(arguments) or Table())
    monkeypatch.delenv("CERES_FAST_OFFLINE", raising=False)
    for _ in range(2):
        done = CliRunner().invoke(app, ["review", str(night), "--known", "skybot", "--observatory", "J13"])
        assert done.exit_code == 0, done.output
        assert told(night) == {("", "SkyBoT")}
        assert {each[3] for each in asked} == {"J13"}
        assert len(asked) == 2 * len(FIELDS)
    assert len(list((night / "known").iterdir())) == len(FIELDS)


def test_a_page_is_replaced_and_no_other_file(night: Path, tmp_path: Path) -> None:
    assert review(night, tmp_path / "new" / "page.html") == tmp_path / "new" / "page.html"
    review(night, tmp_path / "new" / "page.html")
    other = tmp_path / "decisions.ecsv"
    other.write_text("# %ECSV 1.0\n")
    with pytest.raises(InputError, match="no page"):
        review(night, other)
    assert other.read_text() == "# %ECSV 1.0\n"
    with pytest.raises(CeresFastError, match="is a folder"):
        review(night, tmp_path)


def test_a_folder_without_a_night_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no field that was classified"):
        review(tmp_path)
    assert list(tmp_path.iterdir()) == []
