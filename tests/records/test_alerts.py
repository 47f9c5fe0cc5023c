"""Records of alert packets, one plane and three."""

import numpy as np
import pytest

from ceres_fast.errors import InputError
from ceres_fast.records.build import build_records
from ceres_fast.records.pipeline import check_records, read_columns
from ceres_fast.stamps import PLANE_SETS, PLANES, stamp_shape

from ..alert_files import image, tar_of, write_fields

BEFORE = {
    1: "dba473715408144e4f252b8feaa3711acee8604a19e525f78bc5e7d42c4666d1",
    3: "9e47a2c14bfb27922c279842f1f32cc588c56b51f906003078b81c0ebd77ded6",
}
"""SHA-256 of the training shard, by the number of planes, from before frames had more than one plane."""


@pytest.mark.parametrize("planes", PLANE_SETS, ids=len)
def test_alerts_become_records(tmp_path, planes):
    folder = write_fields(tmp_path / "night")
    archive = tar_of(tmp_path / "night.tar.gz", folder)
    records = build_records([folder], tmp_path / "records", planes=planes, shards=1)
    packed = build_records([archive], tmp_path / "packed", planes=planes, shards=1)
    assert records.planes == planes
    assert [shard["sha256"] for shard in records.splits["train"]["shards"]] == [BEFORE[len(planes)]]
    assert records.sources == [{"name": "night", "kind": "alerts", "files": 48}]
    assert packed.sources == [{"name": "night.tar.gz", "kind": "alerts", "files": 1}]
    assert records.counts == {
        "files": 48,
        "alerts": 48,
        "asteroid": 16,
        "non_asteroid": 32,
        "bogus": 16,
        "stationary": 16,
    }
    assert records.rules["remove_stationary"] is False
    assert records.class_counts("train") == packed.class_counts("train")
    check_records(records)
    for split in records.splits:
        read = read_columns(records, split, ["stamp", "label"])
        assert read["stamp"].shape == (records.count(split), *stamp_shape(planes))
        for plane, level in enumerate((100, 200, 300)[: len(planes)]):
            np.testing.assert_array_equal(read["stamp"][0, ..., plane], image(level=level)[15:47, 15:47])


def test_sources_with_other_planes_are_refused(class_folders, tmp_path):
    folder = write_fields(tmp_path / "night")
    with pytest.raises(InputError, match="has one plane, and --planes asks for science, template, difference"):
        build_records([folder, class_folders], tmp_path / "records", planes=PLANES)
    assert build_records([folder, class_folders], tmp_path / "records").planes == PLANES[:1]


@pytest.mark.parametrize("planes", PLANE_SETS, ids=len)
def test_real_alerts_become_records(shared_data, tmp_path, planes):
    if not (shared_data / "ztf_alerts").is_dir():
        pytest.skip("no ZTF alert packets in shared/data")
    records = build_records([shared_data / "ztf_alerts"], tmp_path / "records", planes=planes, shards=1)
    assert (records.nan, records.counts["alerts"]) == ("fill", 50)
    assert sum(records.count(split) for split in records.splits) == 39
    assert all(records.class_counts(split)["asteroid"] for split in records.splits)
    check_records(records)
