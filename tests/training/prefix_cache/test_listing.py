"""The cache says what is in it, and deletes only what is its own and not in use."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.model.cut import Cut
from ceres_fast.records.manifest import Manifest
from ceres_fast.training.prefix_cache.cache import cached_rows
from ceres_fast.training.prefix_cache.entry import LOCK, META
from ceres_fast.training.prefix_cache.listing import clear, entries

from .small import CacheOf

pytestmark = pytest.mark.usefixtures("small_shards")


@pytest.fixture
def folder(manifest: Manifest, parts: Cut, settings: CacheOf) -> Path:
    """A cache of two splits, used on two days of 2024: train, then validation."""
    for day, split in enumerate(["train", "validation"], start=1):
        rows = cached_rows(manifest, split, parts, settings)
        noon = datetime(2024, 1, day, 12, tzinfo=UTC).timestamp()
        os.utime(rows.folder / LOCK, (noon, noon))
    return Path(settings.cache_dir)


def key(folder: Path, split: str) -> str:
    return next(entry.key for entry in entries(folder) if entry.split == split)


def test_what_is_listed(folder: Path, manifest: Manifest) -> None:
    last, first = entries(folder)
    assert (last.split, first.split) == ("validation", "train")
    assert (first.backbone, first.cut, first.records, first.dtype) == ("xception", "Conv2D 0", "stamps", "float32")
    assert (first.stamps, first.variants, first.whole) == (manifest.count("train"), 1, True)
    assert first.last_used == datetime(2024, 1, 1, 12, tzinfo=UTC)
    rows = manifest.count("train") * 256
    assert rows < first.bytes < rows + 10_000
    assert first.bytes == sum(path.stat().st_size for path in (folder / first.key).iterdir())


def test_reading_is_use(folder: Path, manifest: Manifest, parts: Cut, settings: CacheOf) -> None:
    cached_rows(manifest, "train", parts, settings).close()
    used = entries(folder)[0]
    assert used.split == "train"
    assert used.last_used > datetime(2024, 1, 1, 12, tzinfo=UTC)  # when the fixture says that it was used last


def test_what_is_not_whole_is_listed_as_such(folder: Path) -> None:
    meta = folder / key(folder, "train") / META
    meta.write_text(meta.read_text().replace('"train-00001.npy"', '"train-00000.npy"'))
    assert [entry.whole for entry in entries(folder)] == [True, False]
    meta.write_text("{}")
    damaged = entries(folder)[1]
    assert (damaged.backbone, damaged.records, damaged.stamps, damaged.whole) == ("?", "?", 0, False)
    assert damaged.bytes > 1000
    assert clear(folder, [damaged.key]) == [damaged]


def test_no_cache(tmp_path: Path) -> None:
    assert entries(tmp_path / "none") == clear(tmp_path / "none") == []


def test_one_entry_is_cleared(folder: Path, manifest: Manifest, parts: Cut, settings: CacheOf) -> None:
    train = key(folder, "train")
    assert [entry.key for entry in clear(folder, [train, train])] == [train]
    assert [path.name for path in folder.iterdir()] == [key(folder, "validation")]
    assert cached_rows(manifest, "train", parts, settings).folder.name == train


def test_all_entries_are_cleared_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / LOCK).touch()
    (folder / ("0" * 16)).mkdir()  # not ours: it has no lock
    elsewhere = tmp_path / "elsewhere"
    (folder / key(folder, "train")).rename(elsewhere)
    (folder / ("1" * 16)).symlink_to(elsewhere)
    assert [entry.split for entry in clear(folder)] == ["validation"]
    assert {path.name for path in folder.iterdir()} == {"mine", "0" * 16, "1" * 16}
    assert (elsewhere / META).exists()


def test_what_is_in_use_is_kept(
    folder: Path, manifest: Manifest, parts: Cut, settings: CacheOf, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = cached_rows(manifest, "train", parts, settings)
    assert [entry.split for entry in clear(folder)] == ["validation"]
    assert f"{rows.folder.name}: is in use, and is kept" in capsys.readouterr().err
    rows.read(np.arange(rows.count))
    rows.close()
    assert [entry.split for entry in clear(folder)] == ["train"]


def test_rows_that_nobody_has_any_more_are_not_in_use(
    folder: Path, manifest: Manifest, parts: Cut, settings: CacheOf
) -> None:
    rows = cached_rows(manifest, "train", parts, settings)
    del rows
    assert len(clear(folder)) == 2


def test_no_such_entry(folder: Path) -> None:
    with pytest.raises(CeresFastError, match=r"cache: has no entry xyz\. `ceres-fast cache ls`"):
        clear(folder, [key(folder, "train"), "xyz"])
    assert len(entries(folder)) == 2


def test_what_the_system_does_not_let_delete(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("ceres_fast.training.prefix_cache.listing.shutil.rmtree", refused)
    with pytest.raises(CeresFastError, match=r"cannot be deleted \(Permission denied\)"):
        clear(folder)
