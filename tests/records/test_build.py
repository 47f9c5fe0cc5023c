import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast.detect import detect_frames
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.files import sha256_of
from ceres_fast.frames.reading import read_header
from ceres_fast.frames.stamp_folders import read_stamp
from ceres_fast.records import assembly, build, units
from ceres_fast.records import sources as records_sources
from ceres_fast.records.build import build_records
from ceres_fast.records.pipeline import check_records, read_columns
from ceres_fast.records.splits import FRACTIONS, parse_fractions
from ceres_fast.selection.rules import Rules
from ceres_fast.synthetic.simulate.survey import simulate_survey

from ..full_disk import files_of_at_most
from ..survey_files import STARS, write_field


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def sources(class_folders, tmp_path):
    """A copy of the folders of stamps, to be damaged."""
    return Path(shutil.copytree(class_folders, tmp_path / "sources"))


def test_every_stamp_is_in_one_split_as_it_was(built, class_folders):
    check_records(built)
    seen = []
    for split in built.splits:
        read = read_columns(
            built, split, ["stamp", "source", "label", "designation", "field", "ra", "mjd", "pixel_scale"]
        )
        seen += read["source"].tolist()
        for number, source in enumerate(read["source"]):
            stamp, header, _ = read_stamp(class_folders / source)
            np.testing.assert_array_equal(read["stamp"][number, ..., 0], stamp)
            assert read["designation"][number] == header.get("SSNAME", "")
            assert bool(read["label"][number]) is source.startswith("asteroid/")
            assert (read["field"][number], read["ra"][number]) == (header["FIELD"], header["RA"])
        assert set(read["pixel_scale"]) == {0.5}
    assert sorted(seen) == sorted(file.relative_to(class_folders).as_posix() for file in class_folders.rglob("*.fits"))


def test_what_the_manifest_says(built, class_folders):
    assert (built.name, built.seed, built.where, built.nan, built.pixel_scale) == ("stamps", 0, [], "error", 0.5)
    # Stamps do not show what is stationary, so their records do not claim that it was removed.
    assert built.rules == Rules(remove_stationary=False).as_dict()
    assert built.sources == [{"name": "stamps", "kind": "stamps", "files": 120}]
    assert built.counts == {"files": 120}
    assert built.reconciliation == {
        "stamp_files": {"input": 120, "dropped": {}, "kept": 120},
        "records": {"input": 120, "dropped": {}, "kept": 120},
    }
    assert (built.hold_out, built.preset) == ([], None)
    assert sum(split["groups"] for split in built.splits.values()) == 12
    assert {file.name for file in built.folder.iterdir()} == {
        "manifest.json",
        "sources.sha256",
        *(f"stamps-{split}.tfrecord-0000{number}-of-00003" for split in built.splits for number in range(3)),
    }
    listing = built.folder / built.sources_file["file"]
    assert sha256_of(listing) == built.sources_file["sha256"]
    digest, name = listing.read_text().splitlines()[0].split("  ")
    assert digest == sha256_of(class_folders.parent / name)


def test_classes_are_mixed_in_every_shard(built):
    for shard in built.splits["train"]["shards"]:
        assert 0 < shard["asteroids"] < shard["count"]


def test_the_same_arguments_give_the_same_bytes(built, class_folders, tmp_path):
    again = build_records([class_folders], tmp_path / "again", shards=3)
    assert contents(again.folder) == contents(built.folder)


def test_another_seed_gives_other_splits(built, class_folders, tmp_path):
    other = build_records([class_folders], tmp_path / "other", shards=3, seed=1)
    assert set(read_columns(other, "test", ["field"])["field"]) != set(read_columns(built, "test", ["field"])["field"])


def test_where_selects_by_header(class_folders, tmp_path):
    manifest = build_records([class_folders], tmp_path / "r", where=[("KIND", ["asteroid", "bogus"])], shards=1)
    assert manifest.where == [["KIND", ["asteroid", "bogus"]]]
    assert sum(manifest.count(split) for split in manifest.splits) == 12 * (3 + 4)
    assert manifest.counts == {"files": 120, "not_selected": 36}


def test_two_sources_are_told_apart_and_one_asteroid_in_both_stays_together(class_folders, sources, tmp_path):
    other = sources.rename(tmp_path / "stamps")
    manifest = build_records([class_folders, other], tmp_path / "r")
    check_records(manifest)
    assert [source["name"] for source in manifest.sources] == ["stamps", "stamps-2"]
    names = np.concatenate([read_columns(manifest, split, ["source"])["source"] for split in manifest.splits])
    assert len(set(names)) == 240
    assert {name.split("/")[0] for name in names} == {"stamps", "stamps-2"}
    assert sum(split["groups"] for split in manifest.splits.values()) == 12


def test_missing_pixels(sources, tmp_path):
    path = sources / "asteroid" / "s000.fits"
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[3, 4] = np.nan
    with pytest.raises(InputError, match=r"s000.fits: 1 of 1024 pixels are missing.*--nan fill"):
        build_records([sources], tmp_path / "r")
    assert not (tmp_path / "r").exists()
    filled = build_records([sources], tmp_path / "filled", nan="fill")
    assert filled.counts["filled_stamps"] == 1
    skipped = build_records([sources], tmp_path / "skipped", on_error="skip")
    assert skipped.counts["bad_stamps"] == 1
    assert sum(skipped.count(split) for split in skipped.splits) == 119


def test_stamps_with_too_few_pixels_are_not_learnt_from(sources, tmp_path):
    for name, rows in (("s000.fits", slice(0, 17)), ("s001.fits", slice(0, 15)), ("s002.fits", slice(16, 17))):
        with fits.open(sources / "asteroid" / name, mode="update") as hdus:
            hdus[0].data[rows] = np.nan
    manifest = build_records([sources], tmp_path / "r", nan="fill")
    account = manifest.reconciliation["stamp_files"]
    assert account == {"input": 120, "dropped": {"few_pixels": 2}, "kept": 118}
    assert (manifest.counts["few_pixels"], manifest.counts["filled_stamps"]) == (2, 1)
    stored = np.concatenate([read_columns(manifest, split, ["source"])["source"] for split in manifest.splits])
    assert not {"asteroid/s000.fits", "asteroid/s002.fits"} & {name.partition("/")[2] for name in stored}
    assert len(stored) == 118
    assert (manifest.rules["most_missing"], manifest.rules["most_missing_at_centre"]) == (0.5, 0)


def test_a_stamp_that_stays_without_value_is_refused(class_folders, tmp_path, monkeypatch):
    def spoilt(*args):
        table, counts = real(*args)
        table["stamp"][5, 1, 1] = np.inf
        return table, counts

    real = units.stamp_files_table
    monkeypatch.setattr(units, "stamp_files_table", spoilt)
    with pytest.raises(InputError, match=r"asteroid/s012\.fits: a stamp has missing pixels"):
        build_records([class_folders], tmp_path / "r")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "../x"}, "name '../x'"),
        ({"name": ""}, "name ''"),
        ({"shards": 0}, "0 shards"),
        ({"seed": -1}, "seed -1"),
        ({"workers": 0}, "0 workers"),
        ({"fractions": {"train": 1.0}}, "adding up to 1"),
        ({"where": [("KIND", ["bogus"])]}, "no stamp is asteroid"),
        ({"where": [("KIND", ["none"])]}, r"no stamp is left \(files 120, not_selected 120\)"),
        ({"where": [("NOPE", ["x"])]}, "NOPE"),
        ({"where": [("FIELD", ["F00", "F01", "F02"])]}, r"3 group\(s\).*at least 4"),
    ],
)
def test_wrong_arguments(class_folders, tmp_path, options, message):
    with pytest.raises(CeresFastError, match=message):
        build_records([class_folders], tmp_path / "r", **options)
    assert not (tmp_path / "r").exists()


def test_wrong_sources(class_folders, tmp_path):
    wrong = {
        (): "no source given",
        (tmp_path / "none",): "does not exist",
        (class_folders / "asteroid" / "s000.fits",): "is not a folder",
        (class_folders, class_folders / ".." / class_folders.name): "one holds the other",
        (class_folders, class_folders / "asteroid"): "one holds the other",
    }
    for sources, message in wrong.items():
        with pytest.raises(CeresFastError, match=message):
            build_records(sources, tmp_path / "r")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CeresFastError, match="no frames found"):
        build_records([tmp_path / "empty"], tmp_path / "r")


def test_frames_need_a_truth_table(shared_data, tmp_path):
    with pytest.raises(InputError, match=r"asteroids.csv: does not exist.*--truth"):
        build_records([shared_data / "frames"], tmp_path / "r")


def test_an_existing_folder_is_not_touched(built, class_folders):
    before = contents(built.folder)
    with pytest.raises(CeresFastError, match=r"exists already.*--overwrite"):
        build_records([class_folders], built.folder)
    assert contents(built.folder) == before


def test_overwrite_replaces_records(copied, class_folders):
    manifest = build_records([class_folders], copied, shards=2, overwrite=True)
    assert len(list(copied.iterdir())) == 2 + 4 * 2
    check_records(manifest)
    assert [file.name for file in copied.parent.iterdir()] == ["records"]


@pytest.mark.parametrize("foreign", ["thesis.tex", "manifest.json.bak", "folder"])
def test_overwrite_never_deletes_anything_else(copied, class_folders, foreign):
    (copied / foreign).mkdir() if foreign == "folder" else (copied / foreign).write_text("years of work")
    before = len(list(copied.iterdir()))
    with pytest.raises(CeresFastError, match=rf"{foreign}: is no part of records"):
        build_records([class_folders], copied, overwrite=True)
    assert len(list(copied.iterdir())) == before


def test_overwrite_refuses_a_file_and_a_source(sources, class_folders, tmp_path):
    files = [tmp_path / name for name in ("file", "manifest.json", "train.tfrecord-00000-of-00001")]
    for file in files:
        file.write_text("x")
    for out in (*files, sources, sources.parent):
        with pytest.raises(CeresFastError, match="is no folder" if out in files else "is no part of records"):
            build_records([sources], out, overwrite=True)
    assert [file.read_text() for file in files] == ["x"] * 3
    assert len(list(sources.rglob("*.fits"))) == 120


def test_two_builds_into_one_folder(class_folders, copied, monkeypatch):
    before = contents(copied)

    def second(manifest, folder):
        with pytest.raises(CeresFastError, match=rf"is being written by process {os.getpid()} on") as caught:
            build_records([class_folders], copied, shards=1, overwrite=True)
        refused.append(caught.value)
        real(manifest, folder)

    refused, real = [], build.write_manifest
    monkeypatch.setattr(build, "write_manifest", second)
    build_records([class_folders], copied, shards=3, overwrite=True)
    assert len(refused) == 1
    assert contents(copied) == before
    assert [file.name for file in copied.parent.iterdir()] == ["records"]


def test_what_appears_while_a_build_runs_is_not_replaced(class_folders, tmp_path, monkeypatch):
    def late(manifest, folder):
        real(manifest, folder)
        (tmp_path / "r").mkdir()
        (tmp_path / "r" / "thesis.tex").write_text("years of work")

    real = build.write_manifest
    monkeypatch.setattr(build, "write_manifest", late)
    with pytest.raises(CeresFastError, match="exists already"):
        build_records([class_folders], tmp_path / "r")
    assert [file.name for file in (tmp_path / "r").iterdir()] == ["thesis.tex"]


def test_into_an_empty_folder_an_interrupted_build_goes_on(class_folders, tmp_path, monkeypatch, capsys):
    out = tmp_path / "volume"
    (out / "lost+found").mkdir(parents=True)

    def interrupted(manifest, folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(build, "write_manifest", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_records([class_folders], out, shards=2)
    assert sorted(file.name for file in out.iterdir()) == [".partial", "lost+found"]
    build_records([class_folders], out, shards=2)
    assert "parts were there already" in capsys.readouterr().out
    names = {file.name for file in out.iterdir()}
    assert len(names) == 1 + 2 + 4 * 2
    assert {"manifest.json", "lost+found"} < names
    assert [file.name for file in tmp_path.iterdir()] == ["volume"]


@pytest.mark.parametrize("size", [2_000, 20_000, 60_000])
def test_a_full_disk_is_one_clear_line_and_costs_nothing(class_folders, copied, size):
    before = contents(copied)
    with (
        files_of_at_most(size),
        pytest.raises(CeresFastError, match=r"cannot be written.*nothing that was there before") as caught,
    ):
        build_records([class_folders], copied, shards=3, overwrite=True)
    assert "\n" not in str(caught.value)
    assert contents(copied) == before
    build_records([class_folders], copied, shards=3, overwrite=True)
    assert contents(copied) == before
    assert [file.name for file in copied.parent.iterdir()] == ["records"]


KILLED = """
import sys, time
from pathlib import Path
from ceres_fast.records import assembly, build, sources

def slow(name, calls):
    real, done = getattr(assembly, name), []

    def wait(*args):
        result = real(*args)
        done.append(result)
        if len(done) == calls:
            print("half way", flush=True)
            time.sleep(600)
        return result

    return wait

sources.STAMPS_AT_ONCE = 16
where = sys.argv[3]
if where == "parts":
    made, make = [], build.PartMaker.__call__

    def wait(self, task):
        part = make(self, task)
        made.append(part)
        if len(made) == 3:
            (self.folder / ".half").mkdir()
            (self.folder / ".half" / "stamps.npy").write_bytes(b"cut")
            print("half way", flush=True)
            time.sleep(600)
        return part

    build.PartMaker.__call__ = wait
elif where == "shards":
    assembly.write_planned = slow("write_planned", 5)
build.build_records([Path(sys.argv[1])], Path(sys.argv[2]), shards=3, overwrite=True)
"""


def run_build(sources, out, where="nowhere"):
    command = [sys.executable, "-c", KILLED, str(sources), str(out), where]
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2], **pipes)


def interrupted(sources, out, monkeypatch, **options):
    """Build in parts of 16 stamps, and stop when the shards would be written."""

    def stop(plan):
        raise KeyboardInterrupt

    monkeypatch.setattr(records_sources, "STAMPS_AT_ONCE", 16)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(assembly, "write_planned", stop)
        build_records([sources], out, **options)


def test_only_what_has_changed_since_is_made_again(sources, tmp_path, monkeypatch, capsys):
    interrupted(sources, tmp_path / "r", monkeypatch)
    with fits.open(sources / "asteroid" / "s000.fits", mode="update") as hdus:
        hdus[0].data[0, 0] += 1
    (tmp_path / "r").parent.joinpath(".r.partial", "parts", ".half").mkdir()
    went_on = build_records([sources], tmp_path / "r")
    assert "7 of 8 parts were there already" in capsys.readouterr().out
    assert contents(went_on.folder) == contents(build_records([sources], tmp_path / "anew").folder)
    assert {file.name for file in tmp_path.iterdir()} == {"sources", "r", "anew"}


def test_other_options_begin_anew(sources, tmp_path, monkeypatch, capsys):
    interrupted(sources, tmp_path / "r", monkeypatch)
    build_records([sources], tmp_path / "r", nan="fill")
    assert "were there already" not in capsys.readouterr().out


def test_another_seed_needs_no_other_parts(sources, tmp_path, monkeypatch, capsys):
    interrupted(sources, tmp_path / "r", monkeypatch)
    build_records([sources], tmp_path / "r", seed=3, shards=2)
    assert "8 of 8 parts were there already" in capsys.readouterr().out


def test_warnings_are_printed_once_also_of_parts_that_were_there(sources, tmp_path, monkeypatch, capsys):
    for number in range(0, 120, 10):
        (sources / "asteroid" / f"s{number:03d}.fits").write_bytes(b"none")
    interrupted(sources, tmp_path / "r", monkeypatch, on_error="skip")
    first = capsys.readouterr().err
    build_records([sources], tmp_path / "r", on_error="skip")
    again = capsys.readouterr().err
    assert first.count("left out: ") == again.count("left out: ") == 10
    assert again.count("further bad inputs are only counted") == 1


def test_what_the_division_drops_is_accounted_for(class_folders, tmp_path, monkeypatch):
    def drop(columns, division):
        splits, counts = real(columns, division)
        splits[:5] = ""
        return splits, counts + Counter(over_quota=5)

    real = build.divide
    monkeypatch.setattr(build, "divide", drop)
    manifest = build_records([class_folders], tmp_path / "r")
    assert manifest.reconciliation["records"] == {"input": 120, "dropped": {"over_quota": 5}, "kept": 115}
    assert sum(manifest.count(split) for split in manifest.splits) == 115


def test_fractions_and_the_asteroids_of_calibration_size_the_splits(class_folders, tmp_path, capsys):
    sized = build_records([class_folders], tmp_path / "sized", calibration_asteroids=4)
    said = capsys.readouterr().out
    fractions = re.search(r"gives the splits of --fractions (\S+)", said)[1]
    assert parse_fractions(fractions) == sized.fractions
    assert len(set(read_columns(sized, "calibration", ["designation"])["designation"]) - {""}) >= 4
    assert "calibration holds 4 asteroids seen in 3 exposures" in said
    again = build_records([class_folders], tmp_path / "again", fractions=sized.fractions)
    assert contents(again.folder) == contents(sized.folder)


@pytest.mark.parametrize("option", [{"fractions": FRACTIONS}, {"calibration_asteroids": 3}])
def test_a_preset_decides_the_sizes_alone(class_folders, tmp_path, option):
    with pytest.raises(CeresFastError, match="--preset table1 decides the sizes of the splits; leave out --fractions"):
        build_records([class_folders], tmp_path / "r", preset="table1", **option)
    assert not (tmp_path / "r").exists()


def test_a_field_is_held_out(class_folders, tmp_path):
    manifest = build_records([class_folders], tmp_path / "r", hold_out=[("field", ["F03"])])
    assert manifest.hold_out == [["field", ["F03"]]]
    assert set(read_columns(manifest, "test", ["field"])["field"]) == {"F03"}
    assert manifest.count("test") == 10


def test_a_count_that_is_wrong_stops_the_build(class_folders, tmp_path, monkeypatch):
    def wrong(*args):
        table, counts = real(*args)
        return table, counts + Counter(bad_stamps=1)

    real = units.stamp_files_table
    monkeypatch.setattr(units, "stamp_files_table", wrong)
    with pytest.raises(AssertionError, match=r"account of stamp_files does not add up: of 120, 121 are accounted for"):
        build_records([class_folders], tmp_path / "r")
    assert not (tmp_path / "r").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("where", "parts"), [("parts", 3), ("shards", 8)])
def test_killed_half_way_the_old_records_stay_and_the_next_build_goes_on(class_folders, copied, capsys, where, parts):
    before = contents(copied)
    with run_build(class_folders, copied, where) as process:
        assert process.stdout.readline() == "half way\n"
        process.send_signal(signal.SIGKILL)
    assert contents(copied) == before
    assert {file.name for file in copied.parent.iterdir()} == {"records", ".records.partial"}
    with run_build(class_folders, copied) as process:
        said = process.communicate()[0]
    assert f"{parts} of 8 parts were there already" in said
    assert contents(copied) == before
    assert [file.name for file in copied.parent.iterdir()] == ["records"]


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_process_and_tensorflow_is_quiet(class_folders, built, tmp_path):
    with run_build(class_folders, tmp_path / "r") as process:
        chatter = process.communicate()[1]
    assert (process.returncode, chatter) == (0, "")
    assert contents(tmp_path / "r") == contents(built.folder)


def test_the_summary_names_splits_and_reasons(class_folders, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    build_records([class_folders], tmp_path / "r", where=[("KIND", ["asteroid", "bogus"])], shards=2)
    shown = capsys.readouterr().out
    for words in ("Records in", "calibration", "not selected", "36"):
        assert words in shown


def test_a_split_without_asteroids_is_said_loudly(class_folders, tmp_path, capsys):
    kept = shutil.copytree(class_folders, tmp_path / "few")
    for file in (kept / "asteroid").iterdir():
        if int(file.stem[1:]) >= 30:
            file.unlink()
    manifest = build_records([kept], tmp_path / "r")
    assert "has no asteroid" in capsys.readouterr().err
    assert 0 in [manifest.class_counts(split)["asteroid"] for split in manifest.splits]


def test_real_stamps(shared_data, tmp_path):
    """Counted by hand from index.csv: 285 asteroids, 195 bogus, 31 of them with missing pixels, one with 67 %."""
    folder = shared_data / "ztf_stamps"
    manifest = build_records([folder], tmp_path / "r", where=[("LABEL", ["asteroid", "bogus"])], nan="fill")
    check_records(manifest)
    total = {name: sum(manifest.class_counts(split)[name] for split in manifest.splits) for name in manifest.classes}
    assert total == {"asteroid": 285, "non_asteroid": 194}
    assert manifest.counts == {"files": 1508, "not_selected": 1028, "filled_stamps": 30, "few_pixels": 1}
    assert manifest.pixel_scale == 1.01
    for name, count in total.items():
        for split, share in manifest.fractions.items():
            assert manifest.class_counts(split)[name] == pytest.approx(share * count, abs=2)
    assert "/work" not in json.dumps(manifest.as_dict())


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Frames, catalogues and truth of four fields, three exposures each."""
    folder = tmp_path_factory.mktemp("simulated") / "survey"
    simulate_survey(folder, fields=4, exposures=3, held_out_fields=1, small=True)
    detect_frames([folder / "training"])
    return folder / "training"


@pytest.mark.slow
def test_frames_with_catalogues(frames, tmp_path):
    manifest = build_records([frames], tmp_path / "r")
    check_records(manifest)
    assert manifest.sources == [{"name": "training", "kind": "frames", "files": 4 * 3 * 2 + 1}]
    assert manifest.pixel_scale == pytest.approx(0.333, abs=1e-3)
    stamps = {name: sum(manifest.class_counts(split)[name] for split in manifest.splits) for name in manifest.classes}
    assert stamps == {name: manifest.counts[name] for name in manifest.classes}
    assert min(stamps.values()) > 50
    assert manifest.counts["stationary"] > manifest.counts["detections"] / 2
    assert manifest.reconciliation["frames"] == {"input": 12, "dropped": {}, "kept": 12}
    assert manifest.reconciliation["detections"]["input"] == manifest.counts["detections"]
    assert manifest.reconciliation["detections"]["kept"] == sum(stamps.values())
    assert manifest.reconciliation["records"]["kept"] == sum(stamps.values())
    for split in manifest.splits:
        read = read_columns(manifest, split, ["source", "field", "label", "designation", "rate", "row"])
        assert len(set(read["field"])) == 1
        assert all((frames / source).is_file() for source in read["source"])
        assert ((read["designation"] != "") == (read["label"] == 1)).all()
        assert (np.isfinite(read["rate"]) == (read["label"] == 1)).all()
        assert (read["row"] > 0).all()


@pytest.mark.slow
def test_catalogues_in_one_folder_give_the_same_stamps(frames, tmp_path):
    night = shutil.copytree(frames, tmp_path / "training", ignore=shutil.ignore_patterns("*.cat"))
    detect_frames([night], output=tmp_path / "found")
    with pytest.raises(InputError, match=r"has no catalogue; expected .* beside it or in \.\./sextractor_cat"):
        build_records([night], tmp_path / "r")
    made = build_records([night], tmp_path / "r", catalogues=tmp_path / "found")
    beside = build_records([frames], tmp_path / "beside")
    assert made.splits == beside.splits  # with the SHA-256 of every shard
    assert made.sources == beside.sources
    (tmp_path / "found" / "F0001-1.csv").write_text("x")
    with pytest.raises(InputError, match=r"has 2 catalogues in .*found: .*\.cat, .*\.csv"):
        build_records([night], tmp_path / "other", catalogues=tmp_path / "found")
    rules = Rules(slowest=0.2)  # two exposures of a field are enough to see such move
    fewer = build_records([night], tmp_path / "other", catalogues=tmp_path / "found", on_error="skip", rules=rules)
    assert (fewer.counts["bad_frames"], fewer.counts["frames_found"]) == (1, made.counts["frames_found"])
    of = made.classes
    assert 0 < sum(fewer.counts[name] for name in of) < sum(made.counts[name] for name in of)


def test_a_folder_of_catalogues_must_be_there_and_is_for_frames(class_folders, tmp_path, capsys):
    with pytest.raises(InputError, match="none: does not exist; expected the folder that `ceres-fast detect --output`"):
        build_records([class_folders], tmp_path / "r", catalogues=tmp_path / "none")
    build_records([class_folders], tmp_path / "r", catalogues=tmp_path)
    assert f"{tmp_path}: is not read: no source has frames" in capsys.readouterr().err


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_bytes(frames, class_folders, tmp_path, monkeypatch, capfd):
    one = build_records([frames, class_folders], tmp_path / "one", shards=2)
    monkeypatch.setattr(assembly, "WRITTEN_ALONE", 0)
    capfd.readouterr()
    two = build_records([frames, class_folders], tmp_path / "two", shards=2, workers=2)
    assert contents(two.folder) == contents(one.folder)
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_bad_frame_costs_its_detections_and_they_are_counted(frames, tmp_path, capsys):
    kept = Path(shutil.copytree(frames, tmp_path / "frames"))
    bad, cut = sorted(kept.rglob("*.fits"))[:2]
    bad.write_bytes(b"no FITS")
    cut.write_bytes(cut.read_bytes()[:-9000])
    with pytest.raises(InputError, match=bad.name):
        build_records([kept], tmp_path / "r")
    manifest = build_records([kept], tmp_path / "r", on_error="skip")
    assert manifest.reconciliation["frames"] == {"input": 12, "dropped": {"bad_frames": 2}, "kept": 10}
    whole = build_records([frames], tmp_path / "whole").reconciliation["detections"]
    lost = manifest.reconciliation["detections"]
    assert lost["input"] == whole["input"]
    assert lost["dropped"]["bad_frame_detections"] > 0
    said = capsys.readouterr().err
    assert bad.name in said
    assert cut.name in said


def test_asteroids_that_were_all_removed_as_stationary_are_said(tmp_path):
    lines = ["designation,mjd,ra,dec"]
    for frame in write_field(tmp_path / "night"):
        header = read_header(frame)
        ra, dec = header.wcs.all_pix2world([STARS[0]], 1)[0]
        lines.append(f"A1,{header.info.mjd:.8f},{ra:.8f},{dec:.8f}")
    (tmp_path / "night" / "asteroids.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(
        CeresFastError, match=r"no stamp is asteroid: of 3 detections .* 3 were removed as\s+stationary"
    ):
        build_records([tmp_path / "night"], tmp_path / "r")
    with pytest.raises(CeresFastError, match=r"nothing can be called stationary.*--slowest 0\.0"):
        build_records([tmp_path / "night"], tmp_path / "r", rules=Rules(slowest=0.01))


def test_a_truth_table_that_no_source_needs_is_said(class_folders, tmp_path, capsys):
    build_records([class_folders], tmp_path / "r", truth=tmp_path / "known.csv")
    assert "known.csv: is not read" in capsys.readouterr().err


@pytest.mark.slow
def test_frames_and_stamps_together_and_a_truth_table_from_elsewhere(frames, class_folders, tmp_path):
    bare = Path(shutil.copytree(frames, tmp_path / "bare"))
    truth = (bare / "asteroids.csv").rename(tmp_path / "known.csv")
    manifest = build_records([bare, class_folders], tmp_path / "r", truth=truth)
    check_records(manifest)
    assert [source["kind"] for source in manifest.sources] == ["frames", "stamps"]
    assert "bare/known.csv" in (manifest.folder / "sources.sha256").read_text()
    for name in ("manifest.json", "sources.sha256"):
        assert str(tmp_path) not in (manifest.folder / name).read_text()
    assert sum(manifest.count(split) for split in manifest.splits) == 120 + sum(
        manifest.counts[name] for name in manifest.classes
    )
