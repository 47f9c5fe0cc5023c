"""Rows are what the prefix gives, computed once; whatever happens on the way, they are right or not there."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.model.cut import Cut
from ceres_fast.model.views import dihedral
from ceres_fast.records.manifest import Manifest, load_manifest
from ceres_fast.records.pipeline import read_stamps
from ceres_fast.training.prefix_cache import cache, entry
from ceres_fast.training.prefix_cache.cache import cached_rows
from ceres_fast.training.prefix_cache.entry import COMPUTING, LOCK, META, NoRoom
from ceres_fast.training.prefix_cache.shards import FeatureRows

from .small import ROWS, CacheOf, small_cut

pytestmark = pytest.mark.usefixtures("small_shards")


def features(parts: Cut, stamps: np.ndarray) -> np.ndarray:
    """What the rows should be."""
    tensors = [keras.ops.convert_to_numpy(one) for one in keras.tree.flatten(parts.prefix(stamps))]
    return np.concatenate([tensor.reshape(len(stamps), -1) for tensor in tensors], axis=1)


def all_of(rows: FeatureRows) -> np.ndarray:
    return rows.read(np.arange(rows.count * rows.variants))


def files(settings: CacheOf) -> dict[str, bytes]:
    """Name and content of all shards in the cache."""
    return {path.name: path.read_bytes() for path in Path(settings.cache_dir).glob("*/train-*.npy")}


def only_entry(settings: CacheOf) -> Path:
    (folder,) = Path(settings.cache_dir).iterdir()
    return folder


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The shards that each computation is asked for."""
    asked: list[list[int]] = []
    compute = cache.compute

    def noted(entry: Any, manifest: Manifest, prefix: keras.Model, shards: list[int]) -> None:
        asked.append(list(shards))
        compute(entry, manifest, prefix, shards)

    monkeypatch.setattr(cache, "compute", noted)
    return asked


@pytest.mark.parametrize("split", ["train", "validation"])
def test_rows_are_what_the_prefix_gives(
    manifest: Manifest, parts: Cut, settings: CacheOf, split: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = cached_rows(manifest, split, parts, settings)
    stamps, _ = read_stamps(manifest, split)
    assert (rows.count, rows.variants, rows.shapes, rows.dtype) == (len(stamps), 1, ((4, 4, 4),), np.float32)
    np.testing.assert_allclose(all_of(rows), features(parts, stamps), rtol=1e-5, atol=1e-6)
    assert f"features of {len(stamps)} {split} stamps, {len(stamps) * 256 / 1e6:.1f} MB" in capsys.readouterr().out
    assert {path.name for path in only_entry(settings).iterdir()} == {
        META,
        LOCK,
        COMPUTING,
        *(f"{split}-{number:05}.npy" for number in range(-(-len(stamps) // ROWS))),
    }


def test_what_is_there_is_not_computed_again(
    manifest: Manifest, parts: Cut, settings: CacheOf, computed: list[list[int]]
) -> None:
    first = all_of(cached_rows(manifest, "train", parts, settings))
    np.testing.assert_array_equal(all_of(cached_rows(manifest, "train", parts, settings)), first)
    assert len(computed) == 1
    assert len(computed[0]) > 2


def test_what_computing_took_is_known_to_all_that_use_it(
    manifest: Manifest, parts: Cut, settings: CacheOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 3))
    monkeypatch.setattr("ceres_fast.training.prefix_cache.cache.perf_counter", lambda: float(next(clock)))
    first = cached_rows(manifest, "train", parts, settings)
    shards = len(files(settings))
    assert first.seconds == 3 * shards
    first.close()
    flip(only_entry(settings) / "train-00001.npy")
    again = cached_rows(manifest, "train", parts, settings)  # the one in place of which another was computed
    assert again.seconds == 3 * shards
    assert cached_rows(manifest, "train", parts, settings).seconds == 3 * shards


def test_the_eight_variants_of_a_stamp_follow_each_other(manifest: Manifest, parts: Cut, settings: CacheOf) -> None:
    rows = cached_rows(manifest, "validation", parts, settings, variants=8)
    stamps, _ = read_stamps(manifest, "validation")
    assert (rows.count, rows.variants) == (len(stamps), 8)
    expected = features(parts, np.asarray(dihedral(np.repeat(stamps, 8, axis=0), np.tile(np.arange(8), len(stamps)))))
    np.testing.assert_allclose(all_of(rows), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rows.read(np.arange(len(stamps)) * 8), features(parts, stamps), rtol=1e-5, atol=1e-6)
    assert len(np.unique(np.round(rows.read(np.arange(8)), 4), axis=0)) == 8


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_kept_as_it_is(manifest: Manifest, settings: CacheOf, dtype: str) -> None:
    parts = small_cut(dtype=f"mixed_{dtype}")
    rows = cached_rows(manifest, "validation", parts, settings)
    values = all_of(rows)
    assert (rows.dtype.name, values.dtype.name, rows.dtype.itemsize) == (dtype, dtype, 2)
    expected = features(parts, read_stamps(manifest, "validation")[0])
    assert expected.dtype == values.dtype
    np.testing.assert_allclose(values.astype(np.float32), expected.astype(np.float32), rtol=1e-2, atol=1e-2)
    stored = {"bfloat16": "uint16"}.get(dtype, dtype)
    assert json.loads((only_entry(settings) / META).read_text())["made_from"]["layout"]["stored_as"] == stored
    assert np.load(only_entry(settings) / "validation-00000.npy").dtype.name == stored


def test_float32_can_be_kept_as_float16(manifest: Manifest, parts: Cut, settings: CacheOf) -> None:
    whole = cached_rows(manifest, "train", parts, settings)
    half = cached_rows(manifest, "train", parts, dataclasses.replace(settings, cache_half=True))
    assert half.dtype == np.float16
    np.testing.assert_array_equal(all_of(half), all_of(whole).astype(np.float16))


def test_features_beyond_float16(manifest: Manifest, settings: CacheOf) -> None:
    parts = small_cut()
    parts.prefix.set_weights([1e6 * weight for weight in parts.prefix.get_weights()])
    with pytest.raises(CeresFastError, match=r"too large for float16: train without --cache-half"):
        cached_rows(manifest, "train", parts, dataclasses.replace(settings, cache_half=True))
    assert np.isfinite(all_of(cached_rows(manifest, "train", parts, settings))).all()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "altered": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-256]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_shard_is_computed_again(
    manifest: Manifest,
    parts: Cut,
    settings: CacheOf,
    computed: list[list[int]],
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    cached_rows(manifest, "train", parts, settings).close()
    before = files(settings)
    DAMAGES[kind](only_entry(settings) / "train-00002.npy")
    capsys.readouterr()
    cached_rows(manifest, "train", parts, settings)
    assert files(settings) == before
    assert computed[1:] == [[2]]
    assert "train-00002.npy: is missing, truncated or altered; it is computed again" in capsys.readouterr().err


def other_format(path: Path) -> None:
    meta = json.loads(path.read_text(encoding="utf-8"))
    meta["made_from"]["format"] += 1
    path.write_text(json.dumps(meta), encoding="utf-8")


BAD = [None, "1", -1]
"""No time that anything took."""

METAS: dict[str, Callable[[Path], object]] = {
    "garbage": lambda path: path.write_bytes(b"\xff\x00{"),
    "a list": lambda path: path.write_text("[]"),
    "empty": lambda path: path.write_text("{}"),
    "shards": lambda path: path.write_text(
        json.dumps(json.loads(path.read_text()) | {"shards": ["train-00000.npy"]}),
    ),
    "another format": other_format,
    # JSON has no NaN, nor infinity: a file with one is not read at all.
    "nan": lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"seconds": float("nan")})),
    "infinity": lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"seconds": float("inf")})),
}


@pytest.mark.parametrize("kind", METAS)
def test_shards_without_a_valid_description_are_not_used(
    manifest: Manifest,
    parts: Cut,
    settings: CacheOf,
    computed: list[list[int]],
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    first = all_of(cached_rows(manifest, "train", parts, settings))
    METAS[kind](only_entry(settings) / META)
    np.testing.assert_array_equal(all_of(cached_rows(manifest, "train", parts, settings)), first)
    assert computed[0] == computed[1]
    assert "meta.json: is damaged, or of another format" in capsys.readouterr().err


def test_a_description_of_shards_that_says_nothing_of_them(
    manifest: Manifest, parts: Cut, settings: CacheOf, computed: list[list[int]]
) -> None:
    cached_rows(manifest, "train", parts, settings).close()
    path = only_entry(settings) / META
    meta = json.loads(path.read_text())
    whole = dict(meta["shards"]["train-00001.npy"])
    for number, said in enumerate([{"bytes": "many"}, "whole", *(whole | {"seconds": bad} for bad in BAD)], 1):
        meta["shards"]["train-00001.npy"] = said
        path.write_text(json.dumps(meta))
        cached_rows(manifest, "train", parts, settings).close()
        assert computed[number:] == [[1]], said


def test_an_interrupted_computation_goes_on(
    manifest: Manifest, parts: Cut, settings: CacheOf, monkeypatch: pytest.MonkeyPatch, computed: list[list[int]]
) -> None:
    cached_rows(manifest, "train", parts, settings).close()
    unbroken = files(settings)
    other = dataclasses.replace(settings, cache_dir=settings.cache_dir + "2")
    write = entry.Entry.write

    def interrupted(self: entry.Entry, shard: int, rows: np.ndarray, seconds: float) -> None:
        if shard == 2:
            raise KeyboardInterrupt
        write(self, shard, rows, seconds)

    with monkeypatch.context() as patched:
        patched.setattr(entry.Entry, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cached_rows(manifest, "train", parts, other)
    assert set(files(other)) == {"train-00000.npy", "train-00001.npy"}
    (only_entry(other) / ".train-00002.xyz.npy").write_bytes(b"half")
    cached_rows(manifest, "train", parts, other)
    assert computed[1] == [0, 1, *computed[2]]
    assert files(other) == unbroken
    assert not list(only_entry(other).glob(".*"))


def test_two_at_once_compute_once(
    manifest: Manifest,
    parts: Cut,
    settings: CacheOf,
    computed: list[list[int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    started, others_wait = threading.Event(), threading.Event()
    write = entry.Entry.write

    def slow(self: entry.Entry, shard: int, rows: np.ndarray, seconds: float) -> None:
        started.set()
        others_wait.wait(20)
        write(self, shard, rows, seconds)

    def said(message: str) -> None:
        assert message.endswith("another process computes these features; waiting for it")
        others_wait.set()

    monkeypatch.setattr(entry.Entry, "write", slow)
    monkeypatch.setattr("ceres_fast.training.prefix_cache.entry.say", said)
    found: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: found.append(all_of(cached_rows(manifest, "train", parts, settings))))
        for _ in range(2)
    ]
    threads[0].start()
    assert started.wait(20)
    threads[1].start()
    for thread in threads:
        thread.join(60)
    assert others_wait.is_set()
    assert len(computed) == 1
    np.testing.assert_array_equal(*found)


def test_no_room(manifest: Manifest, parts: Cut, settings: CacheOf, monkeypatch: pytest.MonkeyPatch) -> None:
    def nearly_full(path: Path) -> Any:
        return dataclasses.make_dataclass("Usage", ["free"])(2**28 + 1000)

    monkeypatch.setattr("ceres_fast.training.prefix_cache.entry.shutil.disk_usage", nearly_full)
    with pytest.raises(NoRoom, match=r"needs 0\.0 MB, and 268\.4 MB are free\. Make room .*--cache-dir"):
        cached_rows(manifest, "train", parts, settings)
    assert files(settings) == {}


@pytest.mark.parametrize("full_at", [0, 1, 2])
def test_the_disk_fills_up(
    manifest: Manifest, parts: Cut, settings: CacheOf, monkeypatch: pytest.MonkeyPatch, full_at: int
) -> None:
    save, saved = np.save, []

    def full(path: Path, rows: np.ndarray) -> None:
        saved.append(path)
        if len(saved) > full_at:
            path.write_bytes(b"half a shard")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(path, rows)

    with monkeypatch.context() as patched:
        patched.setattr(entry.np, "save", full)
        with pytest.raises(NoRoom, match=r"train-0000\d\.npy: cannot be written \(No space left on device\).*cache cl"):
            cached_rows(manifest, "train", parts, settings)
    # The run that goes on without needs what room there is.
    assert {path.name for path in only_entry(settings).iterdir()} <= {META, LOCK, COMPUTING}
    assert len(all_of(cached_rows(manifest, "train", parts, settings))) == manifest.count("train")


def test_a_full_disk_costs_no_shard_that_was_there(
    manifest: Manifest, parts: Cut, settings: CacheOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_rows(manifest, "train", parts, settings).close()
    before = files(settings)
    flip(only_entry(settings) / "train-00001.npy")

    def full(path: Path, rows: np.ndarray) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(entry.np, "save", full)
    with pytest.raises(NoRoom):
        cached_rows(manifest, "train", parts, settings)
    before.pop("train-00001.npy")
    assert files(settings) == before


@pytest.mark.parametrize("name", ["cache", "cache/below"])
def test_a_folder_that_cannot_be_made(manifest: Manifest, parts: Cut, tmp_path: Path, name: str) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(
        NoRoom, match=r"cannot be used \((File exists|Not a directory)\)\. .*choose another --cache-dir"
    ):
        cached_rows(manifest, "train", parts, CacheOf(str(tmp_path / name)))


def test_an_entry_that_cannot_be_written_can_be_read(
    manifest: Manifest, parts: Cut, settings: CacheOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = all_of(cached_rows(manifest, "train", parts, settings))
    opened = os.open

    def refusing(path: Path, flags: int, mode: int = 0o777, **options: Any) -> int:
        if flags & os.O_CREAT and Path(path).name in (LOCK, COMPUTING):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, mode, **options)

    monkeypatch.setattr(os, "open", refusing)
    np.testing.assert_array_equal(all_of(cached_rows(manifest, "train", parts, settings)), first)
    with pytest.raises(NoRoom, match="Permission denied"):
        cached_rows(manifest, "validation", parts, settings)


def test_a_damaged_record_is_named(tiny_records: Path, tmp_path: Path, parts: Cut, settings: CacheOf) -> None:
    manifest = load_manifest(Path(shutil.copytree(tiny_records, tmp_path / "records")))
    flip(manifest.shards("train")[1])
    with pytest.raises(InputError, match=r"train\.tfrecord-00001-of-00002, row \d+: the record is cut or altered"):
        cached_rows(manifest, "train", parts, settings)


def test_no_such_split(manifest: Manifest, parts: Cut, settings: CacheOf) -> None:
    with pytest.raises(CeresFastError, match="no split 'tests'; expected one of train"):
        cached_rows(manifest, "tests", parts, settings)
    assert not Path(settings.cache_dir).exists()
