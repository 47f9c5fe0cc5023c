"""The command `report`."""

from pathlib import Path

from typer.testing import CliRunner, Result

from ceres_fast.cli import app
from ceres_fast.night.detections import read_night

from .files import classified
from .test_outputs import TOML


def report(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, arguments)], env={"COLUMNS": "200"})


def test_what_was_decided_is_written_and_named(tmp_path: Path) -> None:
    out = classified(tmp_path)
    (tmp_path / "who.toml").write_text(TOML)
    rows = read_night(out).detections
    rows = rows[rows["tracklet"] != ""]["tracklet", "mjd", "ra", "dec"]
    rows.write(tmp_path / "decisions.ecsv", format="ascii.ecsv")
    asked = ["--to", "ades-psv", "--to", "ds9", "--to", "mpc80", "--observatory", tmp_path / "who.toml"]
    done = report(out, *asked, "--decisions", tmp_path / "decisions.ecsv")
    assert done.exit_code == 0, done.output
    assert (out / "outputs" / "ades.psv").read_text().count("|CCD |950|") == 3
    assert sorted(path.name for path in (out / "outputs").iterdir()) == ["ades.psv", "ds9", "mpc80.txt"]
    assert done.output.count("wrote") == 3
    rows[:0].write(tmp_path / "decisions.ecsv", format="ascii.ecsv", overwrite=True)
    again = [*asked[:2], *asked[4:], "--decisions", tmp_path / "decisions.ecsv", "--overwrite"]
    assert "nothing was written" in report(out, *again).output
    assert sorted(path.name for path in (out / "outputs").iterdir()) == ["ds9"]


def test_what_is_missing_or_there_is_said(tmp_path: Path) -> None:
    out = classified(tmp_path)
    assert "expected at least one of crossobject, heliolinx" in report(out).output
    assert "is not one of" in report(out, "--to", "mpc").output
    for arguments, problem in (
        ([out, "--to", "ades-xml"], "--observatory FILE"),
        ([out, "--to", "ds9", "--decisions", tmp_path / "none"], "cannot be read"),
        ([tmp_path / "night", "--to", "ds9"], "has no field that was classified"),
    ):
        done = report(*arguments)
        assert done.exit_code == 1
        assert problem in str(done.exception)
    assert not (out / "outputs").exists()
    (tmp_path / "who.toml").write_text(TOML)
    assert "nobody has looked" in report(out, "--to", "mpc80", "--observatory", tmp_path / "who.toml").output
