"""A run's ``config.toml`` gives back the settings, says what is wrong with it, and holds no relative path."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.records.manifest import load_manifest
from ceres_fast.settings.defaults import DEFAULTS
from ceres_fast.settings.training import OPTIONS, SETTINGS, WEIGHT_DECAY, Settings
from ceres_fast.training.config import (
    CONFIG,
    PROVENANCE,
    RunConfig,
    check_provenance,
    is_of_series,
    read_config,
    write_config,
    write_provenance,
)

# TOML holds any Unicode text; a path cannot hold NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
RATES = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
COUNTS = st.integers(1, 2**16)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "weights": st.sampled_from(["imagenet", "none"]) | TEXT,
    "dense": COUNTS,
    "dropout": st.floats(0, 0.99),
    "start_from": st.none() | TEXT,
    "batch_size": COUNTS,
    "epochs": COUNTS,
    "patience": COUNTS,
    "augment": st.sampled_from(["none", "dihedral", "noise,shift", "shift,dihedral,noise"]),
    "seed": st.integers(0, 2**32 - 1),
    "learning_rate": RATES,
    "unfrozen_learning_rate": RATES,
    "warmup_epochs": st.integers(0, 5),
    "weight_decay": st.floats(min_value=0, allow_infinity=False),
    "average": st.floats(0, 1, exclude_max=True),
    "cache_dir": TEXT,
    "steps_per_execution": st.integers(0, 100),
    **{name: st.sampled_from(each.choices) for name, each in SETTINGS.items() if each.choices},
    **dict.fromkeys(
        ("class_weights", "prefix_cache", "cache_half", "jit", "deterministic", "tensorboard"), st.booleans()
    ),
}


@st.composite
def all_settings(draw: st.DrawFn) -> Settings:
    """Draw values of all settings, and undo what contradicts another."""
    values = {name: draw(strategy) for name, strategy in VALUES.items()}
    values["epochs"] += values["warmup_epochs"]
    if values["start_from"] is not None:
        values["weights"] = "imagenet"
    if values["optimizer"] == "adam":
        values["weight_decay"] = WEIGHT_DECAY
    if values["backbone"] in DEFAULTS:
        values |= {"weights": "none", "experiment": 1}
    values["cache_half"] &= Settings(**{**values, "cache_half": False}).cacheable
    return Settings(**values)


def absolute(settings: Settings) -> Settings:
    paths = {"cache_dir": settings.cache_dir, "weights": settings.weights, "start_from": settings.start_from}
    if settings.weights in ("imagenet", "none"):
        del paths["weights"]
    changed = {name: os.path.realpath(path) for name, path in paths.items() if path is not None}
    return dataclasses.replace(settings, **changed)


@given(settings=all_settings(), records=TEXT, on_error=st.sampled_from(["stop", "skip"]))
def test_round_trip(settings: Settings, records: str, on_error: Any) -> None:
    assert VALUES.keys() == {field.name for field in dataclasses.fields(Settings)}
    with tempfile.TemporaryDirectory() as folder:
        RunConfig(Path(records), settings, on_error).write(Path(folder))
        found = RunConfig.read(Path(folder))
        assert found == RunConfig(Path(os.path.realpath(records)), absolute(settings), on_error)
        found.write(Path(folder))
        assert RunConfig.read(Path(folder)) == found


def test_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first").mkdir()
    (tmp_path / "latest").write_text("first\n")
    RunConfig(Path("records"), Settings("xception", start_from="latest")).write(tmp_path)
    text = (tmp_path / CONFIG).read_text()
    assert text.startswith("# ceres-fast ")
    assert "`ceres-fast train --config config.toml`" in text.splitlines()[0]
    found = tomllib.loads(text)
    assert list(found)[:3] == ["records", "on_error", "backbone"]
    assert found["from"] == str(tmp_path / "first")  # and not `latest`, which will be another run
    assert (found["records"], found["cache_dir"]) == (str(tmp_path / "records"), str(tmp_path / "cache"))
    assert (found["weights"], found["experiment"], found["jit"]) == ("imagenet", 2, False)
    RunConfig(Path("records"), Settings("xception")).write(tmp_path)
    assert "from" not in tomllib.loads((tmp_path / CONFIG).read_text())


def test_a_file_of_one_s_own_may_hold_some_options(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('# mine\nfrom = "runs/x"\nlearning_rate = 1\nseeds = 3\nbackbone = "all"\n')
    assert read_config(path) == {"start_from": "runs/x", "learning_rate": 1, "seeds": 3, "backbone": "all"}
    path.write_text("")
    assert read_config(path) == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("epoch = 3", r"mine\.toml, epoch: is not an option of `ceres-fast train`; expected one of augment, average"),
        ("start_from = 'x'", r"mine\.toml, start_from: is not an option"),
        ("batch-size = 3", r"mine\.toml, batch-size: is not an option"),
        ("[train]\nepochs = 3", r"mine\.toml, train: is not an option"),
        ("run = 'x'", r"mine\.toml, run: is not an option"),
        ("batch_size = 'many'", r"mine\.toml, batch_size: is 'many'; expected a whole number from 1 to 65536\."),
        ("epochs = 2.5", r"mine\.toml, epochs: is 2\.5; expected a whole number from 0 to 1000000\."),
        ("experiment = '2'", r"mine\.toml, experiment: is '2'; expected 1 or 2 or 3\."),
        ("learning_rate = nan", r"mine\.toml, learning_rate: is nan; expected a number above 0\."),
        ("learning_rate = true", r"mine\.toml, learning_rate: is True; expected a number above 0\."),
        ("jit = 'yes'", r"mine\.toml, jit: is 'yes'; expected true or false\."),
        ("weights = 2020-01-01", r"mine\.toml, weights: is datetime\.date\(2020, 1, 1\); expected imagenet, none or"),
        ("seed = -1", r"mine\.toml, seed: is -1; expected a whole number from 0 to 4294967295\."),
        ("seeds = 0", r"mine\.toml, seeds: is 0; expected a whole number from 1 to 1000\."),
        ("on_error = 'ask'", r"mine\.toml, on_error: is 'ask'; expected stop or skip\."),
        ("records = ''", r"mine\.toml, records: is ''; expected a folder of records\."),
        ("backbone = 'vgg'", r"mine\.toml, backbone: is 'vgg'; expected inceptionv3 or .*stampnet-m or all\."),
        ("augment = ['shift']", r"mine\.toml, augment: is \['shift'\]; expected none, or some of dihedral"),
        ("epochs 3", r"mine\.toml: is not valid TOML \(.*line 1.*\); expected a configuration"),
        ("epochs = 3\nepochs = 4", r"mine\.toml: is not valid TOML"),
        ("weights = '" + "x" * 200 + "\0'", r"mine\.toml: is not valid TOML"),
        ('weights = "' + "x" * 200 + '\\u0000"', r"mine\.toml, weights: is 'x{76}…; expected imagenet"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        read_config(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: cannot be read \(No such file or directory\)"):
        read_config(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"weights = '\xe9'")
    with pytest.raises(InputError, match=r"latin\.toml: is not valid TOML"):
        read_config(tmp_path / "latin.toml")


def test_a_run_s_file_holds_all_options(tmp_path: Path) -> None:
    RunConfig(Path("records"), Settings("xception")).write(tmp_path)
    path = tmp_path / CONFIG
    whole = path.read_text()
    for name in OPTIONS.keys() - {"start_from", "seeds"}:
        path.write_text("\n".join(line for line in whole.splitlines() if not line.startswith(f"{name} =")))
        with pytest.raises(InputError, match=rf"config\.toml: lacks {name}; expected all options.*--config"):
            RunConfig.read(tmp_path)


def test_contradictions_in_a_run_s_file(tmp_path: Path) -> None:
    RunConfig(Path("records"), Settings("xception", epochs=3)).write(tmp_path)
    path = tmp_path / CONFIG
    path.write_text(path.read_text().replace("warmup_epochs = 0", "warmup_epochs = 3"))
    with pytest.raises(CeresFastError, match="--warmup-epochs: expected fewer than --epochs"):
        RunConfig.read(tmp_path)


def test_the_file_of_a_series_is_distinguished_from_that_of_a_run(tmp_path: Path) -> None:
    config = RunConfig(Path("records"), Settings("xception"))
    config.write(tmp_path)
    assert not is_of_series(tmp_path)
    options = {"records": "records", "on_error": "stop", **dataclasses.asdict(config.settings)}
    write_config(tmp_path, {**options, "backbone": "all", "seeds": 1})
    assert is_of_series(tmp_path)
    with pytest.raises(InputError, match=r"config\.toml: is of a series of runs; expected that of one run"):
        RunConfig.read(tmp_path)


def test_a_path_that_is_not_unicode(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.toml: cannot hold .*caf\\udce9.*; expected paths in Unicode"):
        RunConfig(Path("caf\udce9"), Settings("xception")).write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_provenance(tiny_records: Path, tmp_path: Path) -> None:
    manifest, model = load_manifest(tiny_records), frozen_model()
    write_provenance(tmp_path, manifest, model)
    found = json.loads((tmp_path / PROVENANCE).read_text())
    assert (found["records"], found["manifest_sha256"]) == ("stamps", manifest.sha256)
    assert found["versions"]["keras"] == keras.__version__
    assert "CPU" in found["devices"]
    assert "CPU" in found["trained_on"] or "GPU" in found["devices"]


def frozen_model() -> keras.Model:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    model.layers[0].trainable = False
    return model


def test_a_run_goes_on_with_what_it_began_with(tiny_records: Path, tmp_path: Path) -> None:
    manifest, model = load_manifest(tiny_records), frozen_model()
    write_provenance(tmp_path, manifest, model)
    model.layers[1].kernel.assign_add([[1.0]] * 3)  # training does this
    check_provenance(tmp_path, manifest, model)
    with pytest.raises(InputError, match=r"provenance\.json: the records .* are not those that the run began with"):
        check_provenance(tmp_path, dataclasses.replace(manifest, sha256="0" * 64), model)
    model.layers[0].kernel.assign_add([[1.0] * 3] * 2)
    with pytest.raises(InputError, match=r"the frozen weights are not those that the run began with\. Put those back"):
        check_provenance(tmp_path, manifest, model)
