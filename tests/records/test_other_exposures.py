"""Records with what the other exposures of a field show: planes of frames, forced fluxes, templates."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

import ceres_fast
from ceres_fast.cli import app
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.evaluation.predictions import Predictions, read_predictions, write_predictions
from ceres_fast.files import sha256_of
from ceres_fast.records.build import build_records
from ceres_fast.records.checks import SOURCES_FILE, check_stamps
from ceres_fast.records.examples import KINDS, UNKNOWN
from ceres_fast.records.inspect.inspect import inspect_records
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import check_records, read_columns, stamp_dataset
from ceres_fast.selection.others.forced import FORCED
from ceres_fast.selection.rules import Rules
from ceres_fast.stamps import COLUMNS, PLANES

from ..alert_files import write_fields
from ..tiny_night import write_night

ALL = Rules(remove_stationary=False)

WITH_FORCED = [name for name in KINDS if name not in UNKNOWN or name in FORCED]
"""Columns of records that have forced fluxes, and no tracklets: nobody knows what moves."""


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return write_night(tmp_path_factory.mktemp("frames") / "night")


@pytest.fixture(scope="module")
def template(night, tmp_path_factory):
    """A folder with a frame of the first field, as of another time."""
    folder = tmp_path_factory.mktemp("known") / "templates"
    (folder / "deep").mkdir(parents=True)
    shutil.copy(night / "F0" / "resamp" / "F0-3.fits", folder / "deep" / "a.fits")
    return folder


@pytest.fixture(scope="module")
def plain(night, tmp_path_factory):
    return build_records([night], tmp_path_factory.mktemp("plain") / "records", rules=ALL, shards=1)


@pytest.fixture(scope="module")
def planes(night, template, tmp_path_factory):
    return build_records(
        [night], tmp_path_factory.mktemp("planes") / "records", rules=ALL, planes=PLANES, template=template, shards=1
    )


def test_records_without_them_have_the_columns_of_before(plain):
    assert list(plain.columns) == [column.name for column in COLUMNS if column.always]
    table = ceres_fast.read_records(plain.folder, "train")
    assert table.colnames == list(plain.columns)
    shard = plain.shards("train")[0].read_bytes()
    assert not any(name.encode() in shard for name in FORCED)
    for file in plain.folder.iterdir():
        assert b"forced" not in file.read_bytes()


def test_a_column_that_records_do_not_have_is_unknown_wherever_it_is_read(plain, tmp_path):
    number = plain.count("train")
    read = read_columns(plain, "train", ["forced_max", "mjd", "forced_seen"])
    np.testing.assert_array_equal(read["forced_max"], np.full(number, np.nan))
    np.testing.assert_array_equal(read["forced_seen"], np.full(number, -1))
    assert (read["forced_max"].dtype, read["forced_seen"].dtype) == (np.float64, np.int64)
    assert np.isfinite(read["mjd"]).all()
    assert len(read_columns(plain, "train", ["forced_min"])["forced_min"]) == number
    for _, _, known in stamp_dataset(plain, "train", 16, columns=FORCED):
        assert {name: set(np.nan_to_num(values.numpy(), nan=9).tolist()) for name, values in known.items()} == {
            "forced_min": {9.0},
            "forced_max": {9.0},
            "forced_seen": {-1},
            "forced_looked": {-1},
        }
    (column,) = ceres_fast.read_records(plain.folder, "train", ["forced_looked"]).columns.values()
    assert (set(column), column.description) == ({-1}, "other exposures that have its place")
    for read_by_name in (ceres_fast.read_records, lambda *which: stamp_dataset(plain, which[1], 8, columns=which[2])):
        with pytest.raises(CeresFastError, match="no column 'forced_most'"):
            read_by_name(plain.folder, "train", ["forced_most"])


def test_a_table_of_predictions_from_before_has_none_of_them(plain, tmp_path):
    known = read_columns(plain, "train", list(KINDS))
    path = tmp_path / "predictions.ecsv"
    write_predictions(Predictions(known, np.zeros(plain.count("train")), {"split": "train"}), path)
    table = Table.read(path, format="ascii.ecsv")
    table.remove_columns(FORCED)
    table.write(path, format="ascii.ecsv", overwrite=True)
    earlier = read_predictions(path)
    for name in KINDS:
        np.testing.assert_array_equal(earlier.known[name], known[name], err_msg=name)
    table.remove_column("mjd")
    table.write(path, format="ascii.ecsv", overwrite=True)
    with pytest.raises(InputError, match=r"is not a table of predictions .*mjd"):
        read_predictions(path)


def test_planes_of_frames_are_the_same_for_any_number_of_workers(night, template, planes, plain, tmp_path, monkeypatch):
    monkeypatch.chdir(template.parent)
    again = build_records(
        [night], tmp_path / "r", rules=ALL, planes=PLANES, template="templates", shards=1, workers=2, forced=True
    )
    assert contents(again.folder) == contents(planes.folder)
    check_records(planes)
    assert (planes.planes, list(planes.columns)) == (PLANES, WITH_FORCED)
    assert planes.sources == [
        {"name": "night", "kind": "frames", "files": 25},
        {"name": "templates", "kind": "template", "files": 1},
    ]
    listed = f"{sha256_of(template / 'deep' / 'a.fits')}  templates/deep/a.fits"
    assert listed == (planes.folder / SOURCES_FILE).read_text().splitlines()[-1]
    assert load_manifest(planes.folder) == planes
    total = sum(planes.count(split) for split in planes.splits)
    assert total + planes.counts.get("no_template", 0) == sum(plain.count(split) for split in plain.splits)
    for split in planes.splits:
        read = read_columns(planes, split, ["stamp", "label", *FORCED])
        assert np.isfinite(read["stamp"]).all()
        moves = read["label"] == 1
        assert moves.any()
        template_, difference = np.moveaxis(read["stamp"][moves][:, 15:18, 15:18].mean(axis=(1, 2)), -1, 0)[1:]
        assert (template_ < 0.2 * difference).all()
        assert set(read["forced_seen"][moves]) == {0}
        assert (read["forced_looked"] >= 2).all()


def test_forced_fluxes_and_their_limit(night, template, tmp_path):
    frame = template / "deep" / "a.fits"
    forced = build_records([night], tmp_path / "forced", rules=ALL, forced=True, template=frame, shards=1)
    assert (forced.planes, list(forced.columns)) == (PLANES[:1], WITH_FORCED)
    assert forced.sources[1] == {"name": "a.fits", "kind": "template", "files": 1}
    assert "elsewhere" not in forced.counts
    rules = Rules(remove_stationary=False, forced_limit=0.4)
    limited = build_records([night], tmp_path / "limited", rules=rules, shards=1)
    assert list(limited.columns) == WITH_FORCED
    assert limited.rules["forced_limit"] == 0.4
    assert limited.counts["elsewhere"] == limited.reconciliation["detections"]["dropped"]["elsewhere"] > 50
    assert limited.counts["asteroid"] == forced.counts["asteroid"]
    for split in forced.splits:
        read = read_columns(forced, split, ["label", "forced_min", "forced_looked"])
        assert (read["forced_min"][read["label"] == 1] < 0.4).all()
        kept = read_columns(limited, split, ["forced_min"])["forced_min"]
        assert (kept[~np.isnan(kept)] <= 0.4).all()


def test_what_only_frames_have_is_not_asked_of_others(night, class_folders, tmp_path, capsys):
    alerts = write_fields(tmp_path / "alerts")
    asked = {"forced": True, "rules": Rules(forced_limit=0.4), "template": tmp_path / "none.fits"}
    made = build_records([alerts], tmp_path / "asked", planes=PLANES, shards=1, **asked)
    assert "--forced, --forced-limit and --template are not used" in capsys.readouterr().err
    alone = build_records([alerts], tmp_path / "alone", planes=PLANES, shards=1)
    assert contents(made.folder) == contents(alone.folder)
    assert not set(UNKNOWN) & set(alone.columns)
    with pytest.raises(CeresFastError, match=r"nothing asks what it shows\. Pass --planes science,template,difference"):
        build_records([class_folders], tmp_path / "r", template=tmp_path)
    with pytest.raises(CeresFastError, match=r"none\.fits"):
        build_records([night], tmp_path / "r", forced=True, template=tmp_path / "none.fits")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"lost_stationary": 3, "lost_elsewhere": 2}, "3 were removed as stationary.*--slowest"),
        (
            {"lost_stationary": 1, "lost_elsewhere": 2},
            "2 were removed because the other exposures show.*--forced-limit",
        ),
        ({"lost_no_template": 4}, "4 have no template.*--template"),
    ],
)
def test_where_all_asteroids_went_is_said(counts, message):
    with pytest.raises(CeresFastError, match=f"no stamp is asteroid: of 5 detections of validated asteroids {message}"):
        check_stamps({"label": np.zeros(3, int)}, {"validated": 7, "lost_not_detected": 2, **counts})


def test_the_command_has_the_options_and_inspect_shows_the_planes(night, template, planes, tmp_path, monkeypatch):
    words = ["build-records", night, "--records", tmp_path / "r", "--keep-stationary", "--shards", 1, "--workers", 1]
    words += ["--planes", ",".join(PLANES), "--template", template, "--forced", "--forced-limit", 0.4]
    asked = {}
    monkeypatch.setattr("ceres_fast.records.build.build_records", lambda *_, **options: asked.update(options))
    assert CliRunner().invoke(app, [str(word) for word in words]).exit_code == 0
    assert (asked["planes"], asked["template"], asked["forced"]) == (list(PLANES), template, True)
    assert asked["rules"] == Rules(remove_stationary=False, forced_limit=0.4)
    shown = []
    monkeypatch.setattr(
        "ceres_fast.records.inspect.inspect.draw_stamps",
        lambda stamps, *words, planes, **others: shown.append((words[1], planes, {each.shape for each in stamps})),
    )
    assert inspect_records(planes.folder, tmp_path / "inspection", number=3)["sound"]
    title = "asteroids (science, template, difference)"
    assert sorted(shown) == [(title, 3, {(32, 32, 3)}), (f"non-{title}", 3, {(32, 32, 3)})]
