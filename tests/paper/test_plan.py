"""A plan is checked before the first run, and a folder keeps to the one it began with."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.model.backbones import EXPERIMENTS, IMAGENET
from ceres_fast.paper.plan import PLAN, Plan, planned
from ceres_fast.settings.defaults import PAPER
from ceres_fast.settings.guarantee import Guarantee
from ceres_fast.settings.training import Settings
from ceres_fast.training.config import CONFIG, RunConfig, read_config

Made = Callable[..., Plan]


def test_without_a_word_it_is_all_twelve(plan: Made, tmp_path: Path) -> None:
    made = plan(backbones="", experiments="")
    members = made.members(tmp_path)
    assert [(member.backbone, member.experiment, member.seed) for member in members] == [
        (backbone, experiment, 0) for backbone in IMAGENET for experiment in EXPERIMENTS
    ]
    assert len(members) == 12
    assert members[3].folder == tmp_path / "xception-experiment1-seed0"


def test_what_shares_a_cache_follows_each_other(plan: Made, tmp_path: Path) -> None:
    members = plan(seeds=2).members(tmp_path)
    assert [member.folder.name for member in members[:5]] == [
        "xception-experiment1-seed0",  # the order of the table, not of the command line
        "xception-experiment1-seed1",
        "xception-experiment2-seed0",
        "xception-experiment2-seed1",
        "resnet152v2-experiment1-seed0",
    ]
    assert len({member.folder for member in members}) == 8


def test_where_options_come_from(plan: Made, tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('epochs = 7\npatience = 2\nseed = 5\nseeds = 3\nbackbone = "resnet152v2"\nexperiment = 3')
    made = plan(config=config, told={"epochs": None, "patience": 4})
    assert (made.options["epochs"], made.options["patience"]) == (7, 4)
    assert (made.first_seed, made.seeds) == (5, 3)
    assert made.backbones == ("xception", "resnet152v2")
    assert made.options["dense"] == Settings("xception").dense
    assert made.options["cache_dir"] == str(tmp_path / "out" / "cache")
    assert plan(config=config, seeds=1).seeds == 1
    config.write_text('cache_dir = "elsewhere"')
    assert plan(config=config).options["cache_dir"] == "elsewhere"


def test_what_it_writes_is_what_the_runs_are_told(plan: Made, tmp_path: Path) -> None:
    made = plan()
    (tmp_path / "out").mkdir()
    made.begin(tmp_path / "out")
    of = {"backbone": "xception", "experiment": 1, "seed": 3}
    settings = RunConfig.of(read_config(tmp_path / "out" / "config.toml") | of).settings
    cache = str((tmp_path / "out" / "cache").resolve())
    assert settings == Settings("xception", 1, epochs=3, seed=3, cache_dir=cache, **PAPER)
    written = tomllib.loads((tmp_path / "out" / PLAN).read_text())
    assert (written["backbones"], written["max_loss"]) == (["xception", "resnet152v2"], 0.5)
    made.begin(tmp_path / "out")
    assert tomllib.loads((tmp_path / "out" / PLAN).read_text()) == written


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seeds": 2}, "begun with seeds = 1, and this says 2"),
        (
            {"backbones": "xception"},
            r'begun with backbones = \["xception", "resnet152v2"\], and this says \["xception"\]',
        ),
        ({"experiments": "1,3"}, "begun with experiments = "),
        ({"guarantee": Guarantee(0.5, 0.5, 3)}, "begun with needs = 2, and this says 3"),
        ({"told": {"epochs": 4}}, "begun with epochs = 3, and this says 4. The same command goes on"),
        ({"told": {"weights": "none"}}, 'begun with weights = "imagenet", and this says "none"'),
    ],
)
def test_another_plan_is_refused(plan: Made, tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    (tmp_path / "out").mkdir()
    plan().begin(tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(CeresFastError, match=message):
        plan(**changed).begin(tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_an_option_that_was_not_there(plan: Made, tmp_path: Path) -> None:
    """As in a folder that another version began."""
    (tmp_path / "out").mkdir()
    plan().begin(tmp_path / "out")
    path = tmp_path / "out" / "config.toml"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "dropout" not in line))
    with pytest.raises(CeresFastError, match=r"begun with dropout = nothing, and this says 0\.5"):
        plan().begin(tmp_path / "out")


def test_other_records_are_refused(plan: Made, tiny_records: Path, tmp_path: Path) -> None:
    records = Path(shutil.copytree(tiny_records, tmp_path / "records"))
    (tmp_path / "out").mkdir()
    plan(told={"records": str(records)}).begin(tmp_path / "out")
    manifest = json.loads((records / "manifest.json").read_text())
    (records / "manifest.json").write_text(json.dumps(manifest | {"seed": 77}))
    with pytest.raises(CeresFastError, match="was begun with other records than"):
        plan(told={"records": str(records)}).begin(tmp_path / "out")


def test_killed_between_its_two_files(plan: Made, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    plan().begin(tmp_path / "out")
    (tmp_path / "out" / PLAN).unlink()
    plan(told={"epochs": 9}).begin(tmp_path / "out")  # nothing has been trained yet
    assert read_config(tmp_path / "out" / "config.toml")["epochs"] == 9


@pytest.mark.parametrize("name", [PLAN, "config.toml"])
def test_a_damaged_file_is_named(plan: Made, tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    plan().begin(tmp_path / "out")
    (tmp_path / "out" / name).write_bytes(b"\xff = {")
    with pytest.raises(InputError, match=rf"{name}: is not valid TOML .*choose another --out|Choose another --out"):
        plan().begin(tmp_path / "out")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"backbones": "vgg"}, "--backbones vgg: there is no 'vgg'; expected some of inceptionv3, xception"),
        ({"backbones": "xception,"}, "there is no ''"),
        ({"experiments": "4"}, "--experiments 4: there is no '4'; expected some of 1, 2, 3, with commas"),
        ({"guarantee": Guarantee(0.0)}, "--max-loss"),
        ({"guarantee": Guarantee(confidence=1.0)}, "--confidence"),
        ({"told": {"epochs": -1}}, "--epochs -1: expected a whole number"),
        ({"told": {"weights": "mine.weights.h5"}}, "--weights PATH: is of one backbone"),
        ({"told": {"records": "nowhere"}}, r"manifest\.json: does not exist"),
        ({"told": {"start_from": "runs/latest"}}, "from: a configuration of experiments cannot have it"),
        ({"told": {"seed": 2**32 - 1}, "seeds": 2}, "--seed 4294967296: expected"),
    ],
)
def test_what_would_make_every_run_fail_is_said_before(plan: Made, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(CeresFastError, match=message):
        plan(**changed)


def test_weights_of_one_backbone(plan: Made) -> None:
    made = plan(backbones="xception", told={"weights": "mine.weights.h5"})
    assert made.options["weights"] == "mine.weights.h5"


def test_the_same_records_elsewhere_are_the_same(plan: Made, tiny_records: Path, tmp_path: Path) -> None:
    plan(told={"records": str(tiny_records)}).begin(tmp_path / "out")
    moved = Path(shutil.copytree(tiny_records, tmp_path / "moved"))
    plan(told={"records": str(moved)}).begin(tmp_path / "out")
    assert read_config(tmp_path / "out" / CONFIG)["records"] == str(moved.resolve())


def test_an_empty_split(tiny_records: Path, tmp_path: Path) -> None:
    records = Path(shutil.copytree(tiny_records, tmp_path / "records"))
    path = records / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["splits"]["test"] |= {"shards": [], "classes": dict.fromkeys(manifest["classes"], 0), "groups": 0}
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"manifest\.json: .*test"):
        planned(tmp_path / "out", options={"records": str(records)}, guarantee=Guarantee())
