"""What records know of what was lost before: asteroids that became no stamp, and rows of catalogues."""

import json
import shutil
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import InputError
from ceres_fast.files import sha256_of
from ceres_fast.records.assembly import OWNER, rows_of_splits, splits_of_parts
from ceres_fast.records.build import build_records
from ceres_fast.records.examples import UNKNOWN
from ceres_fast.records.inspect.inspect import inspect_records
from ceres_fast.records.lost import COLUMNS, lost_text, read_lost, write_lost
from ceres_fast.records.manifest import LOST_FILE, load_manifest
from ceres_fast.records.pipeline import check_records, read_columns
from ceres_fast.selection.linked import LINKED
from ceres_fast.selection.others.forced import FORCED

from ..moving_night import EXPOSURES, FIELDS, FIRST, write_moving_night


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return write_moving_night(tmp_path_factory.mktemp("moving") / "night")


@pytest.fixture(scope="module")
def records(night, tmp_path_factory):
    return build_records([night], tmp_path_factory.mktemp("lost") / "records", shards=2)


@pytest.fixture
def copied(records, tmp_path):
    return shutil.copytree(records.folder, tmp_path / "copied")


def asteroids(manifest):
    """Return the asteroids of the stamps by name and frame, with the split of each."""
    found = {}
    for split in manifest.splits:
        read = read_columns(manifest, split, ("designation", "frame", "field", "ccd", "mjd", "label"))
        rows = [{name: values[row].item() for name, values in read.items()} for row in np.flatnonzero(read["label"])]
        found |= {(row["designation"], row["frame"]): row | {"split": split} for row in rows}
    return found


def test_each_validated_asteroid_of_an_exposure_is_a_stamp_or_in_the_list(records):
    lost, stamps = read_lost(records), asteroids(records)
    named = [(str(row["designation"]), str(row["frame"])) for row in lost]
    assert not set(named) & set(stamps)
    assert len(set(named)) == len(named)
    assert len(named) + len(stamps) == records.counts["validated"] == FIELDS * EXPOSURES * len(FIRST)
    assert list(lost.colnames) == list(COLUMNS)
    counted = Counter(lost["reason"].tolist())
    assert counted["not_detected"] == records.counts["lost_not_detected"] == FIELDS * EXPOSURES
    assert counted["stationary"] == records.counts["lost_stationary"] == 2 * FIELDS
    assert {name.split()[0] for name in lost["designation"][lost["reason"] == "not_detected"]} == {"unseen"}
    assert ((lost["row"] == -1) == (lost["reason"] == "not_detected")).all()
    # Stars come first in the catalogues, and the fourth and the fifth are where it is.
    hidden = lost[np.char.startswith(np.asarray(lost["designation"]), "hidden")]
    assert sorted(zip(hidden["mjd"].round(2).tolist(), hidden["row"].tolist(), strict=True)) == (
        [(60000.1, 4)] * FIELDS + [(60000.11, 5)] * FIELDS
    )
    np.testing.assert_allclose(lost["rate"], 0.2257, atol=1e-4)
    assert set(lost["magnitude"]) == {20.5}


def test_names_times_and_splits_are_those_of_the_stamps(records):
    places = {(row["field"], row["ccd"], row["frame"], row["mjd"], row["split"]) for row in asteroids(records).values()}
    lost = read_lost(records)
    assert {tuple(row[name] for name in ("field", "ccd", "frame", "mjd", "split")) for row in lost} <= places
    assert set(lost["split"]) == set(records.splits)


def test_the_same_bytes_with_any_number_of_workers(night, records, tmp_path):
    other = build_records([night], tmp_path / "r", shards=2, workers=2)
    assert LOST_FILE in {file.name for file in records.folder.iterdir()}
    for file in records.folder.iterdir():
        assert (other.folder / file.name).read_bytes() == file.read_bytes(), file.name


def test_records_have_the_tracklets(records, copied):
    assert set(LINKED) <= set(records.columns)
    assert not set(FORCED) & set(records.columns)
    assert (records.counts["released"], records.counts["linked"], records.counts["trackable"]) == (4, 8, 8)
    # What is released is in no reason to be left out, and so among the stamps.
    blended = {split: int(read_columns(records, split, ["blended"])["blended"].sum()) for split in records.splits}
    assert blended == dict.fromkeys(records.splits, 1)
    path = copied / "manifest.json"
    values = json.loads(path.read_text())
    for name in LINKED:
        del values["columns"][name]
    path.write_text(json.dumps(values))
    earlier = read_columns(load_manifest(copied), "train", LINKED)
    for name in LINKED:
        np.testing.assert_array_equal(earlier[name], np.full(records.count("train"), UNKNOWN[name]))


def test_of_single_exposures_there_are_none(night, tmp_path):
    alone = tmp_path / "alone"
    for frame in night.glob("F*/F*-1.fits"):
        (alone / frame.parent.name).mkdir(parents=True)
        for file in (frame, frame.with_suffix(".cat")):
            shutil.copy(file, alone / frame.parent.name)
    shutil.copy(night / "asteroids.csv", alone)
    single = build_records([alone], tmp_path / "r", shards=1)
    assert not set(UNKNOWN) & set(single.columns)
    assert not {"tracklets", "trackable", "released"} & set(single.counts)


def test_it_is_said_in_one_line(night, records, tmp_path, capsys):
    build_records([night], tmp_path / "r", shards=1, needs=3)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if LOST_FILE in line]
    expected = (
        "of 12 asteroids detected in 3 exposures of a night or more, 4 are left in fewer: of their detections, 8 "
        "stationary (lost.csv)"
    )
    assert line == expected
    inspect_records(records.folder, tmp_path / "i")
    assert expected in capsys.readouterr().out


def test_rows_of_the_catalogues(night, records):
    rows = {split: records.rows(split) for split in records.splits}
    assert sum(rows.values()) == records.counts["detections"]
    for split, number in rows.items():
        (field,) = set(read_columns(records, split, ["field"])["field"])
        tables = [path.read_text().splitlines() for path in (night / field).glob("*.cat")]
        assert number == sum(not line.startswith("#") for lines in tables for line in lines)


def test_a_detection_that_nobody_asked_about_is_no_row(night, tmp_path):
    chosen = build_records([night], tmp_path / "r", shards=1, where=[("NUMBER", [str(n) for n in range(1, 16)])])
    counts = chosen.counts
    assert counts["not_selected"] > 0
    assert sum(chosen.rows(split) for split in chosen.splits) == counts["detections"] - counts["not_selected"]


def test_records_of_stamps_know_neither(built):
    assert (built.lost_file, read_lost(built)) == (None, None)
    assert {built.rows(split) for split in built.splits} == {None}
    assert not (built.folder / LOST_FILE).exists()


def test_where_stamps_are_among_them_rows_are_not_known(night, class_folders, tmp_path):
    mixed = build_records([night, class_folders], tmp_path / "r", shards=1)
    both = {split for split in mixed.splits if set(read_columns(mixed, split, ["row"])["row"]) & {-1}}
    assert both
    assert {split for split in mixed.splits if mixed.rows(split) is None} == both
    assert len(read_lost(mixed)) > 0


PARTS = [("frames", SimpleNamespace(counts=Counter(detections=n, bad_frame_detections=1))) for n in (10, 20, 40, 80)]


def test_rows_where_stamps_of_a_field_were_dropped_are_not_known():
    owner = np.array([0, 0, 1, 1, 3])
    splits = np.array(["train", "train", "test", "", "validation"])
    rows = rows_of_splits({OWNER: owner}, splits, PARTS)
    # No stamp is of the third part, and so it is in no split.
    assert rows == {"train": 9, "validation": 79, "calibration": 0}
    assert splits_of_parts({OWNER: owner}, splits, 4).tolist() == ["train", "test", "", "validation"]


def test_no_part_and_no_stamp():
    nothing = {OWNER: np.empty(0, int)}
    assert rows_of_splits(nothing, np.empty(0, "U5"), []) == dict.fromkeys(
        ("train", "validation", "calibration", "test"), 0
    )


def test_without_a_damaged_shard_rows_are_not_known(copied, capsys):
    manifest = load_manifest(copied)
    shard = next(path for path in manifest.shards("train") if path.stat().st_size)
    shard.write_bytes(shard.read_bytes()[:-1])
    left = check_records(manifest, on_error="skip")
    assert left.rows("train") is None
    assert left.rows("test") == manifest.rows("test") > 0
    assert "left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), r"lost\.csv: does not exist; expected the asteroids that became no stamp"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), r"lost\.csv: is not the file that the manifest desc"),
        (lambda path: path.write_bytes(b""), r"lost\.csv: is not the file that the manifest describes.*SHA-256"),
        (lambda path: (path.unlink(), path.mkdir()), r"lost\.csv: cannot be read"),
    ],
)
def test_a_damaged_list(copied, damage, message):
    damage(copied / LOST_FILE)
    with pytest.raises(InputError, match=message):
        read_lost(load_manifest(copied))


@pytest.mark.parametrize("name", ["../lost.csv", "manifest.json", "", "/etc/passwd"])
def test_a_list_of_another_name(copied, name):
    path = copied / "manifest.json"
    values = json.loads(path.read_text())
    values["lost_file"]["file"] = name
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"manifest\.json: lost_file\.file is .*; expected 'lost.csv'"):
        load_manifest(copied)


def test_records_of_before_are_read_as_before(copied):
    path = copied / "manifest.json"
    values = json.loads(path.read_text())
    del values["lost_file"]
    for split in values["splits"].values():
        del split["rows"]
    path.write_text(json.dumps(values))
    manifest = load_manifest(copied)
    assert manifest.as_dict() == values
    assert (manifest.rows("train"), read_lost(manifest)) == (None, None)


def test_rows_must_be_a_count(copied):
    path = copied / "manifest.json"
    values = json.loads(path.read_text())
    values["splits"]["test"]["rows"] = -1
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"splits\.test\.rows is -1; expected a whole number from 0 on"):
        load_manifest(copied)


texts = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=8).map(str.strip)
numbers = st.floats(allow_nan=True, allow_infinity=False)
values = {float: numbers, int: st.integers(-1, 2**40), str: texts}


@given(st.lists(st.fixed_dictionaries({name: values[kind] for name, kind in COLUMNS.items()}), max_size=5))
def test_what_is_written_is_read(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("lost")
    lost = {name: np.array([row[name] for row in rows], kind) for name, kind in COLUMNS.items()}
    write_lost(lost, folder)
    described = SimpleNamespace(folder=folder, lost_file={"file": LOST_FILE, "sha256": sha256_of(folder / LOST_FILE)})
    read = read_lost(described)
    for name, kind in COLUMNS.items():
        np.testing.assert_array_equal(np.asarray(read[name]), lost[name])
        assert np.asarray(read[name]).dtype.kind == np.dtype(kind).kind


def test_an_asteroid_counts_once_a_night_and_only_in_a_split():
    mjd = 60000.1 + np.array([0.0, 0.01, 0.02, 0.0, 0.01, 0.02, 1.0, 1.01])
    columns = {
        "label": np.ones(8, int),
        "designation": np.array(["a", "a", "a", "b", "b", "b", "a", "a"]),
        "mjd": mjd,
    }
    splits = np.array(["train"] * 3 + [""] * 3 + ["train"] * 2)
    lost = {
        "designation": np.array(["a", "a", "c", "c", "c", "d", "d", "d", "e", "e", "e"]),
        # The second is in the overlap of two CCDs, and a stamp on the other.
        "mjd": 60000.1 + np.array([1.02, 1.01, 0, 0.01, 0.02, 0, 0.01, 0.02, 0, 0.01, 0.02]),
        "reason": np.array(["stationary", "other", *["set_aside"] * 2, "stationary", *["not_detected"] * 3]),
        "split": np.array(["train"] * 8 + [""] * 3),
    }
    lost["reason"] = np.append(lost["reason"], ["stationary"] * 3)
    assert lost_text(lost, columns, splits, 3) == (
        "of 3 asteroids detected in 3 exposures of a night or more, 2 are left in fewer: of their detections, "
        "2 stationary, 2 set aside, 1 other (lost.csv)"
    )
    nothing = {name: values[:0] for name, values in lost.items()}
    assert lost_text(nothing, columns, splits, 3) == (
        "of 1 asteroids detected in 3 exposures of a night or more, 0 are left in fewer (lost.csv)"
    )
    assert "of 0 asteroids" in lost_text(nothing, {k: v[:0] for k, v in columns.items()}, splits[:0], 3)
