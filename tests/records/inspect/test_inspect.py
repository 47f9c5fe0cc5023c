import json
import shutil

import numpy as np
import pytest
from astropy.io import fits
from matplotlib import image

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.records.build import build_records
from ceres_fast.records.inspect import inspect, inspect_records, pixels
from ceres_fast.records.inspect.inspect import NUMBERS, REPORT
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_all
from ceres_fast.records.splits import SPLITS


@pytest.fixture
def changed(monkeypatch):
    """Return a function that lets `inspect_records` read other columns or stamps than the shards hold.

    The shards stay whole, so that nothing but the fault is found. Columns and stamps are changed in place.
    """

    def change(of_columns=lambda splits, columns: None, of_stamps=lambda stamps: None):
        read, batches = inspect.read_all, pixels._batches

        def read_changed(manifest, names):
            splits, columns = read(manifest, names)
            of_columns(splits, columns)
            return splits, columns

        def one_batch(manifest):
            stamps = np.concatenate([each for _, each in batches(manifest)])
            of_stamps(stamps)
            yield 0, stamps

        monkeypatch.setattr(inspect, "read_all", read_changed)
        monkeypatch.setattr(pixels, "_batches", one_batch)

    return change


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the pictures, which take longer than all else, where a test is about something else."""
    monkeypatch.setattr(inspect, "_draw", lambda *arguments: None)


def leaks_of(output):
    report = json.loads((output / NUMBERS).read_text())
    return {finding["what"]: finding for finding in report["findings"] if finding["leak"]}


def looked_at(report):
    return {finding["what"]: finding for finding in report["findings"] if not finding["leak"]}


def test_sound_records(copied, capsys):
    report = inspect_records(copied)
    output = copied.with_name("records-inspection")
    assert report == json.loads((output / NUMBERS).read_text())
    assert report["sound"] is True
    assert report["findings"] == []
    assert report["splits"]["all"] == {
        "asteroid": 36,
        "non_asteroid": 84,
        "groups": 12,
        "designations": 12,
        "places": 12,
        "nights": 1,
    }
    assert list(report["splits"]) == [*SPLITS, "all"]
    pictures = {"asteroids.png", "distributions.png", "non_asteroids.png"}
    assert {file.name for file in output.iterdir()} == {*pictures, REPORT, NUMBERS}
    for picture in output.glob("*.png"):
        assert image.imread(picture).shape[2] in (3, 4)
    shown = capsys.readouterr()
    assert "sound: whole shards" in shown.out
    assert shown.err == ""
    assert "120 stamps, sound" in (output / REPORT).read_text()


@pytest.mark.usefixtures("undrawn")
def test_what_the_rule_for_stationary_detections_costs_is_shown(copied, capsys):
    manifest = json.loads((copied / "manifest.json").read_text())
    name = "synthetic tracks at 0.1-0.2 arcsec/min, 3 exposures needed"
    manifest["counts"] |= {name: 1000, f"{name}: lost": 2}
    (copied / "manifest.json").write_text(json.dumps(manifest))
    report = inspect_records(copied)
    assert report["stationary_cost"] == [{"rate": "0.1-0.2", "needed": "3", "tracks": 1000, "lost": "0.20%"}]
    assert "0.20%" in capsys.readouterr().out


def test_the_seed_decides_which_stamps_are_shown(copied, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        inspect_records(copied, tmp_path / name, seed=seed, number=5)
    a, b, c = ((tmp_path / name / "non_asteroids.png").read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize("number", [0, 1, 1000])
def test_any_number_of_stamps_can_be_shown(copied, tmp_path, number):
    inspect_records(copied, tmp_path / "i", number=number)


def test_a_moved_stamp_is_a_leak_of_asteroid_place_and_group(copied, tmp_path, changed):
    where = {}

    def move(splits, columns):
        (row,) = np.flatnonzero(columns["source"] == "asteroid/s000.fits")
        where.update(splits=splits.copy(), columns=columns)
        splits[row] = "test" if splits[row] == "train" else "train"

    changed(move)
    with pytest.raises(CeresFastError, match=r"leak: groups in more than one split: 1 .* See .*report.txt, and build"):
        inspect_records(copied, tmp_path / "i")
    assert [finding["examples"] for finding in leaks_of(tmp_path / "i").values()] == [
        [f"group {where['columns']['group'][where['columns']['field'] == 'F00'][0]}"],
        ["asteroid 2020 A0"],
        ["stamps of field F00/1"],
    ]
    assert "NOT SOUND" in (tmp_path / "i" / REPORT).read_text()
    assert (tmp_path / "i" / "distributions.png").is_file()


@pytest.mark.usefixtures("undrawn")
def test_sky_under_another_name_is_a_leak(copied, tmp_path, changed):
    def shift(splits, columns):
        rows = np.flatnonzero(splits == "test")[:3], np.flatnonzero(splits == "validation")[:3]
        columns["ra"][rows[1]], columns["dec"][rows[1]] = columns["ra"][rows[0]], columns["dec"][rows[0]] + 3 / 3600

    changed(shift)
    with pytest.raises(CeresFastError, match="cut-outs that overlap one of another split: 3 "):
        inspect_records(copied, tmp_path / "i")


def test_a_stamp_that_is_there_twice_under_another_name_is_a_leak(class_folders, tmp_path):
    """In other fields, files and places of the sky, of other asteroids: nothing but the pixels tells."""
    sources = shutil.copytree(class_folders, tmp_path / "sources")
    pixels_of_first = fits.getdata(sources / "asteroid" / "s000.fits")
    for field in range(1, 12):
        path = sources / "asteroid" / f"s{10 * field:03d}.fits"
        fits.writeto(path, pixels_of_first, fits.getheader(path), overwrite=True)
    manifest = build_records([sources], tmp_path / "r")
    expected = 12 - max(manifest.splits[split]["groups"] for split in manifest.splits)
    with pytest.raises(CeresFastError, match="stamps with exactly the pixels of one of another split: "):
        inspect_records(tmp_path / "r")
    (finding,) = leaks_of(tmp_path / "r-inspection").values()
    assert finding["count"] == expected
    assert all("asteroid/s" in example and " = " in example for example in finding["examples"])
    assert (tmp_path / "r-inspection" / "alike.png").is_file()


def test_a_scaled_copy_in_another_split_is_shown_and_no_leak(copied, tmp_path, changed, capsys):
    def copy(stamps):
        stamps[-1] = stamps[0] * 1.7 + 20

    # Both non-asteroids, so that it is the splits that differ.
    changed(lambda splits, columns: columns["label"].put([0, -1], 0), copy)
    report = inspect_records(copied, tmp_path / "i")
    (finding,) = looked_at(report).values()
    assert "of two splits with nearly the same noise" in finding["what"]
    assert finding["count"] == 1
    assert "nearly the same noise" in capsys.readouterr().err
    assert (tmp_path / "i" / "alike.png").is_file()


@pytest.mark.usefixtures("undrawn")
def test_two_labels_for_one_stamp_or_place(copied, tmp_path, changed):
    rows = {}

    def relabel(splits, columns):
        train = splits == "train"
        rows["other"] = np.flatnonzero(train & (columns["label"] == 0))[:2]
        rows["asteroid"] = np.flatnonzero(train & (columns["label"] == 1))[:2]
        one, other = rows["asteroid"][1], rows["other"][1]
        columns["ra"][other], columns["dec"][other] = columns["ra"][one], columns["dec"][one] + 0.2 / 3600

    def copy(stamps):
        stamps[rows["other"][0]] = stamps[rows["asteroid"][0]]

    changed(relabel, copy)
    found = looked_at(inspect_records(copied, tmp_path / "i"))
    assert [(what.split(" ")[-1], finding["count"]) for what, finding in found.items()] == [
        ("labels", 1),
        ("non-asteroid", 1),
    ]


@pytest.mark.usefixtures("undrawn")
def test_strange_values_are_counted(copied, tmp_path, changed):
    def strange(splits, columns):
        columns["padded"][1], columns["filled"][2], columns["pixel_scale"][3] = 600, 513, 0.9
        columns["field"][4], columns["ra"][4] = "", np.nan

    def constant(stamps):
        stamps[0], stamps[5, 0, 0] = 5, np.nan

    changed(strange, constant)
    report = inspect_records(copied, tmp_path / "i")
    _, columns = read_all(load_manifest(copied), ["source"])
    examples = [finding["examples"] for finding in looked_at(report).values()]
    assert [example.split(" ")[-1] for (example,) in examples] == columns["source"][[0, 5, 1, 2, 3, 4]].tolist()
    assert report["not_compared"] == 1


def test_a_damaged_shard_is_named(copied, tmp_path):
    shard = next(copied.glob("*-test.tfrecord-00000*"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(InputError, match=r"test\.tfrecord-00000"):
        inspect_records(copied, tmp_path / "i")
    assert not (tmp_path / "i").exists()


@pytest.mark.usefixtures("undrawn")
def test_nothing_but_an_inspection_is_replaced(copied, tmp_path):
    output = tmp_path / "i"
    inspect_records(copied, output)
    with pytest.raises(CeresFastError, match="exists already"):
        inspect_records(copied, output)
    inspect_records(copied, output, overwrite=True)
    (output / "thesis.tex").write_text("all of it")
    with pytest.raises(CeresFastError, match=r"thesis.tex: is no part of an inspection"):
        inspect_records(copied, output, overwrite=True)
    assert (output / "thesis.tex").read_text() == "all of it"
    for name in ("file", "report.txt"):
        file = tmp_path / name
        file.touch()
        with pytest.raises(CeresFastError, match=rf"{name}: exists already, and is no folder"):
            inspect_records(copied, file, overwrite=True)
        assert file.is_file()


@pytest.mark.parametrize("inside", [".", "inspection"])
def test_the_records_stay_as_they_are(copied, inside):
    before = sorted(copied.iterdir())
    with pytest.raises(CeresFastError, match="is in the records"):
        inspect_records(copied, copied / inside, overwrite=True)
    assert sorted(copied.iterdir()) == before


@pytest.mark.usefixtures("undrawn")
def test_the_manifest_may_be_named(copied):
    inspect_records(copied / "manifest.json")
    assert copied.with_name("records-inspection").is_dir()


def test_a_full_disk_leaves_nothing(copied, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ceres_fast.records.inspect.inspect.write_text", full)
    with pytest.raises(CeresFastError, match="No space left"):
        inspect_records(copied, tmp_path / "i")
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


@pytest.mark.usefixtures("undrawn")
def test_real_stamps(shared_data, tmp_path):
    """No real stamp is taken for a copy of another: 851 groups, more than 300 stars seen several times."""
    build_records([shared_data / "ztf_stamps"], tmp_path / "r", nan="fill")
    report = inspect_records(tmp_path / "r", tmp_path / "i")
    assert report["sound"] is True
    assert report["findings"] == []
    assert report["classes"]["asteroid"]["rate"] is None
