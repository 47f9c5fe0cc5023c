"""A proof's stamps are whole asteroids of a split that nothing was chosen by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ceres_fast.errors import InputError
from ceres_fast.export.proof import stamps as module
from ceres_fast.export.proof.stamps import draw_stamps
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_columns
from ceres_fast.stamps import PLANES

from ...tiny_models import classifier
from ...tiny_records import ASTEROIDS


def test_a_split_that_is_small_enough_is_taken_as_it_is(tiny_records: Path) -> None:
    manifest = load_manifest(tiny_records)
    stamps = draw_stamps(tiny_records, classifier())
    expected = read_columns(manifest, "test", ("stamp", "label", "designation", "mjd", "padded"))
    np.testing.assert_array_equal(stamps.pixels, expected["stamp"])
    for name, values in stamps.known.items():
        np.testing.assert_array_equal(values, expected[name])
    assert (stamps.split, stamps.records, stamps.manifest_sha256) == ("test", manifest.name, manifest.sha256)
    assert stamps.asteroids.sum() == manifest.class_counts("test")["asteroid"] > 0


def test_of_a_larger_one_whole_asteroids_are_drawn(tiny_records: Path) -> None:
    every = draw_stamps(tiny_records, classifier(), ("train",))
    most = 20
    assert len(every.pixels) > 2 * most
    drawn = [draw_stamps(tiny_records, classifier(), ("train",), most=most, seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0].pixels, drawn[1].pixels)
    assert not np.array_equal(drawn[0].known["mjd"], drawn[2].known["mjd"])
    for each in drawn:
        names, counts = np.unique(each.known["designation"][each.asteroids], return_counts=True)
        assert set(counts) == {ASTEROIDS}
        assert len(names) == most // 2 // ASTEROIDS
        assert len(each.pixels) == most  # the others are no asteroids, and alone
        # In the order of the shards, and each with what is known of it.
        places = [int(np.flatnonzero((every.pixels == stamp).all(axis=(1, 2, 3)))[0]) for stamp in each.pixels]
        assert places == sorted(places)
        np.testing.assert_array_equal(each.known["mjd"], every.known["mjd"][places])
        np.testing.assert_array_equal(each.known["label"], every.known["label"][places])


@pytest.mark.parametrize(("asteroids", "others", "expected"), [(3, 97, (3, 47)), (97, 3, (47, 3)), (50, 50, (25, 25))])
def test_what_one_kind_leaves_the_other_takes(asteroids: int, others: int, expected: tuple[int, int]) -> None:
    count = asteroids + others
    known = {
        "label": (np.arange(count) < asteroids).astype(np.int64),
        "designation": np.full(count, "", "U1"),
        "mjd": np.full(count, np.nan),
    }
    rows = module._drawn(known, 50, 0)
    assert ((rows < asteroids).sum(), (rows >= asteroids).sum()) == expected


def test_validation_where_there_is_no_test(tiny_records: Path) -> None:
    assert draw_stamps(tiny_records, classifier(), ("no such split", "validation")).split == "validation"


def test_no_stamps(tiny_records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ceres_fast.records.manifest.Manifest.count", lambda manifest, split: 0)
    with pytest.raises(InputError, match="has no stamps in the split test or validation; expected stamps to compare"):
        draw_stamps(tiny_records, classifier())


def test_other_planes(tiny_records: Path) -> None:
    with pytest.raises(InputError, match=r"with the planes science; expected .* science, template, difference\. Name"):
        draw_stamps(tiny_records, classifier(planes=PLANES))


def test_no_records(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        draw_stamps(tmp_path, classifier())
