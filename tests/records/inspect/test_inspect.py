import json
import shutil

import numpy as np
import pytest
from astropy.io import fits
from matplotlib import image

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.records import build
from ceres_fast.records.build import build_records
from ceres_fast.records.inspect import inspect_records
from ceres_fast.records.inspect.inspect import NUMBERS, REPORT
from ceres_fast.records.splits import SPLITS, split_groups


def built_with(folder, records, monkeypatch, change=lambda splits, columns: splits):
    """Build records in which `change` has put stamps into other splits, as a faulty builder would."""
    kept = {}

    def grouped(columns):
        kept.update(columns)
        return columns["field"]

    monkeypatch.setattr(build, "group_stamps", grouped)
    monkeypatch.setattr(build, "split_groups", lambda *arguments: change(split_groups(*arguments), kept))
    monkeypatch.setattr(build, "leaks", lambda *arguments: [])
    build_records([folder], records, shards=2)
    return records


@pytest.fixture
def sources(class_folders, tmp_path):
    return shutil.copytree(class_folders, tmp_path / "sources")


def rewrite(path, stamp=None, **cards):
    with fits.open(path) as hdus:
        header, pixels = hdus[0].header, hdus[0].data if stamp is None else stamp
    header.update(cards)
    fits.writeto(path, np.asarray(pixels, np.float32), header, overwrite=True)


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


def test_the_seed_decides_which_stamps_are_shown(copied, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        inspect_records(copied, tmp_path / name, seed=seed, number=5)
    a, b, c = ((tmp_path / name / "non_asteroids.png").read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize("number", [0, 1, 1000])
def test_any_number_of_stamps_can_be_shown(copied, tmp_path, number):
    inspect_records(copied, tmp_path / "i", number=number)


def test_a_moved_stamp_is_a_leak_of_asteroid_place_and_group(sources, tmp_path, monkeypatch):
    def move_one(splits, columns):
        (row,) = np.flatnonzero(columns["source"] == "asteroid/s000.fits")
        splits[row] = "test" if splits[row] == "train" else "train"
        return splits

    records = built_with(sources, tmp_path / "r", monkeypatch, move_one)
    with pytest.raises(CeresFastError, match=r"these records leak: 1 groups .* See .*report.txt, and build"):
        inspect_records(records, tmp_path / "i")
    found = leaks_of(tmp_path / "i")
    assert [finding["examples"] for finding in found.values()] == [
        ["group F00"],
        ["asteroid 2020 A0"],
        ["stamps of field F00/1"],
    ]
    assert "NOT SOUND" in (tmp_path / "i" / REPORT).read_text()
    assert (tmp_path / "i" / "distributions.png").is_file()


def test_sky_under_another_name_is_a_leak(sources, tmp_path, monkeypatch):
    for number in range(110, 120):
        (path,) = sources.rglob(f"s{number:03d}.fits")
        rewrite(path, RA=10.0, DEC=5.0 + (number - 110) / 10 + 3 / 3600)

    def apart(splits, columns):
        splits[np.isin(columns["field"], ["F00"])] = "train"
        splits[np.isin(columns["field"], ["F11"])] = "test"
        return splits

    records = built_with(sources, tmp_path / "r", monkeypatch, apart)
    with pytest.raises(CeresFastError, match="10 cut-outs that overlap one of another split"):
        inspect_records(records, tmp_path / "i")


def test_a_stamp_that_is_there_twice_under_another_name_is_a_leak(sources, tmp_path, monkeypatch, capsys):
    """Another field, file, asteroid and place on the sky: nothing but the pixels tells."""
    with fits.open(sources / "asteroid" / "s000.fits") as hdus:
        pixels = hdus[0].data.copy()
    rewrite(sources / "asteroid" / "s110.fits", pixels)

    def apart(splits, columns):
        splits[columns["field"] == "F00"], splits[columns["field"] == "F11"] = "train", "test"
        return splits

    records = built_with(sources, tmp_path / "r", monkeypatch, apart)
    with pytest.raises(CeresFastError, match="1 stamps with exactly the pixels of one of another split"):
        inspect_records(records, tmp_path / "i")
    (finding,) = leaks_of(tmp_path / "i").values()
    assert finding["examples"] == ["train asteroid asteroid/s000.fits = test asteroid asteroid/s110.fits"]
    assert (tmp_path / "i" / "alike.png").is_file()


def test_a_scaled_copy_in_another_split_is_shown_and_no_leak(sources, tmp_path, monkeypatch, capsys):
    with fits.open(sources / "asteroid" / "s000.fits") as hdus:
        rewrite(sources / "asteroid" / "s110.fits", hdus[0].data * 1.7 + 20)

    def apart(splits, columns):
        splits[columns["field"] == "F00"], splits[columns["field"] == "F11"] = "train", "test"
        return splits

    report = inspect_records(built_with(sources, tmp_path / "r", monkeypatch, apart), tmp_path / "i")
    (finding,) = looked_at(report).values()
    assert "nearly the same noise" in finding["what"]
    assert finding["examples"] == ["test asteroid asteroid/s110.fits = train asteroid asteroid/s000.fits"]
    assert "nearly the same noise" in capsys.readouterr().err
    assert (tmp_path / "i" / "alike.png").is_file()


def test_two_labels_for_one_stamp_or_place(sources, tmp_path, monkeypatch):
    asteroid, other = sources / "asteroid" / "s000.fits", sources / "non_asteroid" / "s005.fits"
    with fits.open(asteroid) as hdus:
        rewrite(other, hdus[0].data.copy())
    rewrite(sources / "non_asteroid" / "s016.fits", RA=11.0, DEC=5.1 + 0.2 / 3600)
    found = looked_at(inspect_records(built_with(sources, tmp_path / "r", monkeypatch), tmp_path / "i"))
    assert {what.split(" ")[-1]: finding["count"] for what, finding in found.items()} == {
        "labels": 1,
        "non-asteroid": 1,
    }


def test_strange_values_are_counted(sources, tmp_path, monkeypatch):
    rewrite(sources / "non_asteroid" / "s005.fits", PIXSCALE=0.9)
    read = build._read

    def with_constant(*arguments):
        columns, counts = read(*arguments)
        columns["stamp"][columns["source"] == "non_asteroid/s006.fits"] = 5
        columns["padded"][columns["source"] == "non_asteroid/s007.fits"] = 600
        columns["filled"][columns["source"] == "non_asteroid/s008.fits"] = 513
        return columns, counts

    monkeypatch.setattr(build, "_read", with_constant)
    found = looked_at(inspect_records(built_with(sources, tmp_path / "r", monkeypatch), tmp_path / "i"))
    assert [finding["examples"][0].split("/")[-1] for finding in found.values()] == [
        "s006.fits",
        "s007.fits",
        "s008.fits",
        "s005.fits",
    ]


def test_a_damaged_shard_is_named(copied, tmp_path):
    shard = next(copied.glob("*-test.tfrecord-00000*"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(InputError, match=r"test\.tfrecord-00000"):
        inspect_records(copied, tmp_path / "i")
    assert not (tmp_path / "i").exists()


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
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(CeresFastError, match="is no part of an inspection"):
        inspect_records(copied, file, overwrite=True)


@pytest.mark.parametrize("inside", [".", "inspection"])
def test_the_records_stay_as_they_are(copied, inside):
    before = sorted(copied.iterdir())
    with pytest.raises(CeresFastError, match="is in the records"):
        inspect_records(copied, copied / inside, overwrite=True)
    assert sorted(copied.iterdir()) == before


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


def test_real_stamps(shared_data, tmp_path):
    """No real stamp is taken for a copy of another: 851 groups, more than 300 stars seen several times."""
    build_records([shared_data / "ztf_stamps"], tmp_path / "r", nan="fill")
    report = inspect_records(tmp_path / "r", tmp_path / "i")
    assert report["sound"] is True
    assert [finding["what"] for finding in report["findings"]] == [
        "stamps of which more than half was missing and is filled"
    ]
    assert report["classes"]["asteroid"]["rate"] is None
