"""The command line: what it offers is what the package has, it starts light, and a problem is one line."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ceres_fast import __version__
from ceres_fast.cli import EXTRAS, app
from ceres_fast.cli import options as shared
from ceres_fast.survey.catalogues import FORMATS

COMMANDS = get_command(app).commands
HEAVY = (
    "tensorflow",
    "keras",
    "astropy",
    "matplotlib",
    "numpy",
    "onnx",
    "onnxruntime",
    "sklearn",
    "scipy",
    "sep",
    "dask",
    "photutils",
    "fastavro",
)


def options(command: str) -> dict[str, Any]:
    """Return {parameter name: what typer made of it}, but for --help."""
    return {parameter.name: parameter for parameter in COMMANDS[command].params if parameter.name != "help"}


def choices(command: str, option: str) -> set[str]:
    function = next(each.callback for each in app.registered_commands if each.callback.__name__ == command)
    hint = get_type_hints(function)[option]
    literal = next((part for part in get_args(hint) if get_origin(part) is Literal), hint)
    return set(get_args(literal))


def run(*arguments: str, code: str = "from ceres_fast.cli import main; main()") -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "COLUMNS": "200"}
    return subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    for parameter in options(command).values():
        assert parameter.help, parameter.name
        assert parameter.help.rstrip(".)") != parameter.help, f"{parameter.name}: no sentence"
        if parameter.param_type_name == "option":
            assert max(parameter.opts, key=len) in done.output
    assert COMMANDS[command].help.endswith((".", ")", "PNG."))
    assert done.output == CliRunner().invoke(app, [command, "-h"], env={"COLUMNS": "200"}).output


def test_help_names_every_command_and_so_does_no_argument() -> None:
    done = CliRunner().invoke(app, ["--help"])
    assert done.exit_code == 0
    for command in COMMANDS:
        assert command in done.output
    assert "Usage" in CliRunner().invoke(app, []).output


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"ceres-fast {__version__}\n"
    assert run("--version", code="import runpy; runpy.run_module('ceres_fast', run_name='__main__')").stdout == (
        f"ceres-fast {__version__}\n"
    )


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from ceres_fast.cli import app\n"
        f"for command in [[], *([name] for name in {list(COMMANDS)})]:\n"
        "    app([*command, '--help'], standalone_mode=False)\n"
        f"print('heavy:', *(name for name in {HEAVY} if name in sys.modules))\n"
    )
    done = run(code=code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy:"


def test_choices_are_the_package_s_tables() -> None:
    from ceres_fast.export import EXPORTERS
    from ceres_fast.model.backbones import BACKBONES, EXPERIMENTS
    from ceres_fast.model.build import PRECISIONS
    from ceres_fast.model.stem import NORMALISATIONS
    from ceres_fast.records.splits import SPLITS
    from ceres_fast.survey.detect import ENGINES
    from ceres_fast.survey.problems import NanPolicy, OnError

    assert choices("train", "backbone") == BACKBONES.keys()
    assert choices("train", "experiment") == {str(number) for number in EXPERIMENTS}
    assert choices("train", "normalise") == NORMALISATIONS.keys()
    assert choices("train", "precision") == set(PRECISIONS)
    assert choices("evaluate", "split") == set(SPLITS)
    assert choices("export", "to") == EXPORTERS.keys()
    assert choices("build_records", "nan") == set(get_args(NanPolicy))
    assert choices("detect", "engine") == ENGINES.keys()
    assert choices("detect", "format_") == {name for engine in ENGINES.values() for name in engine.formats}
    assert choices("classify", "format_") <= set(FORMATS)
    stopping = [name for name in COMMANDS if "on_error" in options(name)]
    assert {"detect", "train", "evaluate", "classify", "build-records"} <= set(stopping)
    for command in stopping:
        assert choices(command.replace("-", "_"), "on_error") == set(get_args(OnError))


def test_train_s_options_are_the_settings_with_their_defaults() -> None:
    from ceres_fast.training.settings import Settings

    default = dataclasses.asdict(Settings("xception"))
    given = {name: parameter.default for name, parameter in options("train").items() if name in default}
    given["experiment"] = int(given["experiment"])
    assert given == default
    assert options("train").keys() - default.keys() == {"records", "run", "on_error"}


def test_defaults_of_one_command_are_what_the_other_makes() -> None:
    defaults = {name: {key: each.default for key, each in options(name).items()} for name in COMMANDS}
    assert {defaults[name]["records"] for name in ("build-records", "train", "evaluate")} == {shared.RECORDS}
    assert {defaults[name]["run"] for name in ("evaluate", "export", "classify")} == {Path("runs/latest")}
    assert shared.TRAINING.parent == shared.HELD_OUT.parent == defaults["simulate"]["out"]


def test_what_train_is_told_reaches_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import ceres_fast.evaluation.evaluate
    import ceres_fast.training.train

    calls = []

    def watched(name: str, result: object) -> object:
        return lambda *arguments, **named: calls.append((name, arguments, named)) or result

    monkeypatch.setattr(ceres_fast.training.train, "train", watched("train", tmp_path))
    monkeypatch.setattr(ceres_fast.evaluation.evaluate, "evaluate", watched("evaluate", None))
    values = {
        "backbone": "resnet152v2",
        "experiment": 3,
        "weights": "none",
        "normalise": "asinh",
        "precision": "mixed_float16",
        "batch_size": 7,
        "epochs": 8,
        "patience": 9,
        "learning_rate": 0.25,
        "unfrozen_learning_rate": 0.125,
        "dense": 10,
        "dropout": 0.75,
        "seed": 11,
    }
    given = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    done = CliRunner().invoke(
        app, ["train", *given, "--records=r", "--run=x", "--on-error=skip"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    (_, (records, settings, folder), named), (_, evaluated, also) = calls
    assert (records, dataclasses.asdict(settings), folder) == (Path("r"), values, Path("x"))
    assert named == {"on_error": "skip"}
    assert evaluated == (tmp_path, Path("r"))
    assert also == {"split": "validation", "on_error": "skip"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--backbone", "vgg16"],
        ["train", "--experiment", "4"],
        ["train", "--epochs", "0"],
        ["train", "--dropout", "1"],
        ["classify", "--keep-above", "1.5"],
        ["simulate", "--seed", "-1"],
        ["evaluate", "--split", "night"],
        ["train", "--colour", "red"],
        ["paint"],
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_imported(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["detect", "nowhere"], "nowhere: does not exist"),
        (["classify", "nowhere.fits", "--model", "none.onnx"], "does not exist"),
    ],
)
def test_a_problem_of_the_user_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_problem_of_ours_is_not_hidden() -> None:
    code = (
        "from ceres_fast import cli\n"
        "from ceres_fast.survey import detect\n"
        "def detect_frames(*sources, **options): raise ZeroDivisionError('a bug')\n"
        "detect.detect_frames = detect_frames\n"
        "cli.main()\n"
    )
    done = run("detect", code=code)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: a bug\n")


WITHOUT = """
import sys

sys.modules.update(dict.fromkeys({blocked}))  # importing one is now a ModuleNotFoundError
from ceres_fast.cli import main
main()
"""


@pytest.mark.parametrize("command", ["train", "evaluate", "export", "build-records", "demo"])
def test_without_the_training_extra_it_says_how_to_install_it(command: str, tmp_path: Path) -> None:
    arguments = [command, str(tmp_path / "out")] if command == "demo" else [command]
    done = run(*arguments, code=WITHOUT.format(blocked=sorted(EXTRAS["train"])))
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: this command needs ")
    assert done.stderr.endswith("Install it with: pip install 'ceres-fast[train]'\n")
    assert done.stderr.count("\n") == 1


def test_what_the_observatory_runs_needs_no_training_extra(tmp_path: Path) -> None:
    code = WITHOUT.format(blocked=sorted(EXTRAS["train"]))
    frames = str(tmp_path / "data")
    small = ["--small", "--fields=1", "--held-out-fields=0", "--exposures=1"]
    for arguments in (["simulate", frames, *small], ["detect", frames]):
        done = run(*arguments, code=code)
        assert (done.returncode, done.stderr) == (0, "")
    done = run("classify", frames, f"--model={tmp_path / 'none.onnx'}", code=code)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "none.onnx: does not exist" in done.stderr


def test_another_missing_module_is_a_bug_and_shown(tmp_path: Path) -> None:
    done = run("detect", str(tmp_path), code=WITHOUT.format(blocked=["sep"]))
    assert "Traceback" in done.stderr
    assert "ModuleNotFoundError" in done.stderr
    assert "pip install" not in done.stderr
