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
from ceres_fast.catalogues import FORMATS
from ceres_fast.cli import EXTRAS, app
from ceres_fast.cli import options as shared
from ceres_fast.errors import CeresFastError

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
    "jinja2",
    "yaml",
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
    from ceres_fast.artifact.products import PRECISIONS as PRODUCTS
    from ceres_fast.detect import ENGINES
    from ceres_fast.errors import NanPolicy, OnError
    from ceres_fast.export import TARGETS
    from ceres_fast.records.splits import SPLITS
    from ceres_fast.settings.training import OPTIONS as TRAINING

    for name, option in TRAINING.items():
        if option.choices:  # the tables hold test_training's tests in settings
            assert choices("train", name) == set(map(str, option.choices))
    assert choices("evaluate", "split") == set(SPLITS)
    assert choices("export", "to") == TARGETS.keys()
    assert choices("export", "precision") == set(PRODUCTS)
    assert choices("build_records", "nan") == set(get_args(NanPolicy))
    assert choices("detect", "engine") == ENGINES.keys()
    assert choices("detect", "format_") == {name for engine in ENGINES.values() for name in engine.formats}
    assert choices("classify", "format") <= set(FORMATS)
    stopping = [name for name in COMMANDS if "on_error" in options(name)]
    assert {"detect", "train", "evaluate", "classify", "build-records"} <= set(stopping)
    for command in stopping:
        assert choices(command.replace("-", "_"), "on_error") == set(get_args(OnError))


def test_train_s_options_are_the_settings_with_their_defaults() -> None:
    from ceres_fast.settings.training import OPTIONS, Settings

    default = dataclasses.asdict(Settings.of("stampnet"))
    given = {name: parameter.default for name, parameter in options("train").items() if name in default}
    given["experiment"] = int(given["experiment"])
    assert given == default
    others = {"run", "config", "resume", "threads", "scheduler"}
    assert options("train").keys() - default.keys() == {"records", "on_error", "seeds", *others}
    assert options("train").keys() - OPTIONS.keys() == others
    for name, parameter in options("train").items():
        assert parameter.opts == [OPTIONS[name].flag if name in OPTIONS else f"--{name}"]


def test_defaults_of_one_command_are_what_the_other_makes() -> None:
    defaults = {name: {key: each.default for key, each in options(name).items()} for name in COMMANDS}
    assert {defaults[name]["records"] for name in ("build-records", "train", "evaluate")} == {shared.RECORDS}
    assert {defaults[name]["run"] for name in ("evaluate", "export", "classify")} == {Path("runs/latest")}
    assert shared.TRAINING.parent == shared.HELD_OUT.parent == defaults["simulate"]["out"]


OTHERS = {
    "backbone": "resnet152v2",
    "experiment": 3,
    "weights": "none",
    "normalise": "asinh",
    "head": "paper",
    "precision": "mixed_float16",
    "dense": 10,
    "dropout": 0.75,
    "start_from": None,
    "batch_size": 7,
    "epochs": 8,
    "patience": 9,
    "monitor": "val_auc",
    "loss": "focal",
    "class_weights": False,
    "augment": "dihedral,noise",
    "seed": 11,
    "optimizer": "lamb",
    "learning_rate": 0.25,
    "unfrozen_learning_rate": 0.125,
    "schedule": "cosine",
    "warmup_epochs": 2,
    "weight_decay": 0.5,
    "average": 0.875,
    "prefix_cache": False,
    "cache_dir": "/elsewhere",
    "cache_half": False,
    "jit": True,
    "steps_per_execution": 3,
    "deterministic": True,
    "tensorboard": True,
}
"""Settings, none of which is the default, but for those that would contradict another."""


def as_option(name: str, value: object) -> list[str]:
    from ceres_fast.settings.training import OPTIONS

    if value is None:
        return []
    flag = OPTIONS[name].flag
    if isinstance(value, bool):
        return [flag if value else flag.replace("--", "--no-", 1)]
    return [f"{flag}={value}"]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, Any, Any]]:
    """What training and evaluation are called with, in the place of which nothing is done."""
    import ceres_fast.evaluation.evaluate
    import ceres_fast.training.series
    import ceres_fast.training.train

    calls: list[tuple[str, Any, Any]] = []

    def watched(name: str, result: object) -> object:
        return lambda *arguments, **named: calls.append((name, arguments, named)) or result

    for module, name, result in (
        (ceres_fast.training.train, "train", tmp_path),
        (ceres_fast.training.train, "resume", tmp_path),
        (ceres_fast.training.series, "train_series", tmp_path),
        (ceres_fast.training.series, "resume_series", tmp_path),
        (ceres_fast.evaluation.evaluate, "evaluate", None),
    ):
        monkeypatch.setattr(module, name, watched(name, result), raising=False)
    return calls


def invoke(*arguments: object, status: int = 0) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    if isinstance(done.exception, CeresFastError):
        raise done.exception
    assert done.exit_code == status, done.output
    return done.output


def test_what_train_is_told_reaches_training(calls: list[Any], tmp_path: Path) -> None:
    given = [word for name, value in OTHERS.items() for word in as_option(name, value)]
    invoke("train", *given, "--records=r", "--run=x", "--on-error=skip")
    (trained, (records, settings, folder), named), (evaluated, where, also) = calls
    assert (trained, records, dataclasses.asdict(settings), folder) == ("train", Path("r"), OTHERS, Path("x"))
    assert named == {"on_error": "skip"}
    assert (evaluated, where) == ("evaluate", (tmp_path, Path("r")))
    assert also == {"split": "validation", "on_error": "skip"}


def test_what_is_not_given_is_what_the_network_and_its_head_have(calls: list[Any]) -> None:
    from ceres_fast.settings.training import Settings

    for arguments, expected in (
        ([], Settings.of("stampnet")),
        (["--backbone=xception"], Settings.of("xception")),
        (["--backbone=xception", "--head=paper"], Settings("xception", head="paper")),
        (["--epochs=2", "--optimizer=adam"], Settings.of("stampnet", epochs=2, optimizer="adam")),
    ):
        invoke("train", *arguments)
        assert calls[0][1][1] == expected
        calls.clear()


def test_a_run_s_config_repeats_it_and_the_command_line_overrides(calls: list[Any], tmp_path: Path) -> None:
    from ceres_fast.settings.training import Settings
    from ceres_fast.training.config import RunConfig

    told = RunConfig(tmp_path / "records", Settings(**OTHERS), "skip")
    told.write(tmp_path)
    invoke("train", "--config", tmp_path / "config.toml")
    assert calls[0] == ("train", (told.records, told.settings, None), {"on_error": "skip"})
    calls.clear()
    over = ["--experiment=1", "--no-jit", "--epochs=5", "--class-weights", "--on-error=stop", "--records=r"]
    for arguments in ([*over, "--config", tmp_path / "config.toml"], ["--config", tmp_path / "config.toml", *over]):
        invoke("train", *arguments)
        (_, (records, settings, _), named), _ = calls
        assert (records, named) == (Path("r"), {"on_error": "stop"})
        changed = {"experiment": 1, "jit": False, "epochs": 5, "class_weights": True}
        assert settings == dataclasses.replace(told.settings, **changed)
        calls.clear()


def test_a_problem_of_a_config_names_file_and_key(calls: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("epoch = 3")
    with pytest.raises(CeresFastError, match=r"mine\.toml, epoch: is not an option of `ceres-fast train`"):
        invoke("train", "--config", path)
    path.write_text("dropout = 0.995\nwarmup_epochs = 40")  # to typer, dropout ends at 0.99
    with pytest.raises(CeresFastError, match=r"mine\.toml, dropout: is 0\.995; expected a number from 0 to 0\.99"):
        invoke("train", "--config", path)
    path.write_text('backbone = "xception"\nepochs = 30\nwarmup_epochs = 40')
    with pytest.raises(CeresFastError, match="--warmup-epochs: expected fewer than --epochs"):
        invoke("train", "--config", path)
    assert not calls


def test_from_takes_over_the_network_but_for_what_is_given(calls: list[Any], tmp_path: Path) -> None:
    from ceres_fast.settings.training import Settings

    from .tiny_models import classifier
    from .tiny_networks import write_run

    run = write_run(tmp_path / "first", experiment=3, normalise="asinh", head={"dense": 5, "dropout": 0.25})
    (tmp_path / "mine.toml").write_text("dense = 6")
    invoke("train", "--from", run, "--dropout=0.5", "--config", tmp_path / "mine.toml")
    settings = calls[0][1][1]
    assert (settings.start_from, settings.backbone, settings.experiment) == (str(run), "xception", 3)
    assert (settings.normalise, settings.dense, settings.dropout) == ("asinh", 6, 0.5)
    calls.clear()
    # The defaults of a network are not those of a run of it.
    head = {"kind": "pooled", "dense": 5, "dropout": 0.25}
    classifier(backbone="stampnet", experiment=1, normalise="noise", head=head).write(run)
    invoke("train", "--from", run)
    settings = calls[0][1][1]
    assert (settings.backbone, settings.head, settings.dense, settings.dropout) == ("stampnet", "pooled", 5, 0.25)
    assert settings.learning_rate == Settings.of("stampnet").learning_rate


def test_several_seeds_or_backbones_are_a_series(calls: list[Any], tmp_path: Path) -> None:
    invoke("train", "--seeds=3", "--run=x", "--seed=4")
    invoke("train", "--backbone=all", "--no-prefix-cache")
    (first, (options, run), one), (second, (others, without), _) = calls
    assert one == {"scheduler": None}
    assert (first, options["seeds"], options["seed"], run) == ("train_series", 3, 4, Path("x"))
    assert (second, others["backbone"], others["prefix_cache"], without) == ("train_series", "all", False, None)
    from ceres_fast.settings.training import OPTIONS
    from ceres_fast.training.config import read_config, write_config

    assert options.keys() == OPTIONS.keys()
    write_config(tmp_path, options)
    assert read_config(tmp_path / "config.toml")["seeds"] == 3  # the command's values are what a file may hold


def test_resume(calls: list[Any], tmp_path: Path) -> None:
    from ceres_fast.settings.training import OPTIONS, Settings
    from ceres_fast.training.config import RunConfig, read_config, write_config

    RunConfig(tmp_path / "records", Settings(**OTHERS), "skip").write(tmp_path)
    invoke("train", "--resume", tmp_path)
    assert calls == [
        ("resume", (tmp_path, None), {}),
        ("evaluate", (tmp_path, tmp_path / "records"), {"split": "validation", "on_error": "skip"}),
    ]
    calls.clear()
    printed = invoke("train", "--resume", tmp_path, "--epochs=3", "--from=x", status=2)
    assert "a run goes on as it began: leave out --epochs, --from" in printed
    assert not calls
    write_config(tmp_path, {**read_config(tmp_path / "config.toml"), "seeds": 2})
    assert OPTIONS["seeds"].allows(2)
    invoke("train", "--resume", tmp_path)
    assert calls == [("resume_series", (tmp_path, None, None), {})]
    calls.clear()
    invoke("train", "--resume", tmp_path, "--records", tmp_path / "moved", "--scheduler=tcp://there:1")
    assert calls == [("resume_series", (tmp_path, tmp_path / "moved", "tcp://there:1"), {})]


def test_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from datetime import UTC, datetime
    from types import SimpleNamespace

    entry = SimpleNamespace(
        **{"key": "0123456789abcdef", "backbone": "xception", "cut": "add_1", "records": "stamps", "split": "train"},
        **{"stamps": 59879, "variants": 8, "dtype": "float16", "bytes": 4_967_000_000, "whole": False},
        last_used=datetime(2026, 3, 4, 5, 6, tzinfo=UTC),
    )
    there, cleared = [entry], []

    def clear(folder: Path, keys: list[str] | None = None) -> list[Any]:
        cleared.append((folder, keys))
        return there

    listing = SimpleNamespace(entries=lambda folder: there if folder == tmp_path else [], clear=clear)
    monkeypatch.setitem(sys.modules, "ceres_fast.training.prefix_cache.listing", listing)
    printed = invoke("cache", "ls", "--cache-dir", tmp_path)
    assert printed == (
        "0123456789abcdef  4.97 GB, not whole\n"
        "    xception up to add_1, float16; 59,879 x 8 stamps, train\n"
        "    records stamps; last used 2026-03-04 05:06 UTC\n"
        f"4.97 GB in {tmp_path}\n"
    )
    assert invoke("cache", "ls") == "nothing in cache\n"

    assert "deleted 1 entries of " in invoke("cache", "clear", entry.key, "--cache-dir", tmp_path)
    invoke("cache", "clear", "--all")
    assert cleared == [(tmp_path, [entry.key]), (Path("cache"), None)]
    for arguments in ([], ["--all", entry.key]):
        assert "expected keys of entries, or --all" in invoke("cache", "clear", *arguments, status=2)
    assert len(cleared) == 2


@pytest.mark.parametrize("command", ["ls", "clear"])
def test_help_of_the_cache_commands(command: str) -> None:
    assert "--cache-dir" in invoke("cache", command, "--help")


@pytest.mark.parametrize("width", [80, 120])
def test_the_names_of_train_s_options_fit_a_narrow_terminal(width: int) -> None:
    printed = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": str(width)}).output
    for parameter in options("train").values():
        for name in (*parameter.opts, *parameter.secondary_opts):
            assert name in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--backbone", "vgg16"],
        ["train", "--experiment", "4"],
        ["train", "--epochs", "-1"],
        ["train", "--dropout", "1"],
        ["classify", "--keep-above", "1.5"],
        ["calibrate", "--max-loss", "2"],
        ["experiments", "--epochs", "-1"],
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
        (["build-records", "nowhere", "--fractions", ""], "--fractions : expected 4 numbers, for train"),
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
        "from ceres_fast import detect\n"
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
    from .tiny_networks import write_run

    arguments = {"demo": [str(tmp_path / "out")]}.get(command, [])
    if command == "export":  # which looks first for what it exports
        arguments = [str(write_run(tmp_path / "run"))]
    done = run(command, *arguments, code=WITHOUT.format(blocked=sorted(EXTRAS["train"])))
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: this command needs ")
    assert "pip install '.[train]' in a checkout of ceres-fast, or" in done.stderr  # an index may not have the package
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
