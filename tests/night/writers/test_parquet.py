"""Tables for THOR, adam_core and difi: with the packages where they are here, else by what their schemas say."""

import io
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from ceres_fast.night.writers import write_outputs
from ceres_fast.night.writers.difi import MEMBERS, OBSERVATIONS, nights_of
from ceres_fast.night.writers.thor import NAME

from .nights import AWKWARD, OBSERVATORY, PLAIN, a_night, empty_night

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (pip install 'ceres-fast[parquet]')")


def written(folder: Path) -> Path:
    write_outputs(a_night(), ["thor", "difi"], folder, OBSERVATORY, known={PLAIN: "2004 JQ12"})
    return folder


def test_a_source_catalogue_of_adam_core(tmp_path: Path) -> None:
    table = parquet.read_table(written(tmp_path) / NAME)
    assert table.schema.metadata == {b"time.scale": b"utc", b"exposure_start_time.scale": b"utc"}
    rows = table.to_pylist()
    assert len({row["id"] for row in rows}) == len(rows) == 9
    first = rows[0]
    assert first["time"] == {"days": 61373, "nanos": 8_640_000_000_000}
    assert first["exposure_start_time"]["nanos"] == 8_640_000_000_000 - 30_000_000_000
    assert (first["ra_sigma"], first["mag"], first["filter"], first["object_id"]) == (0.1, 20.0, "Sr", "2004 JQ12")
    assert first["fwhm"] == pytest.approx(3 * 0.333)
    # Nulls where nothing is known, but for what THOR needs: the middle of the exposure.
    unknown = rows[4]
    assert [unknown[name] for name in ("ra_sigma", "mag", "mag_sigma", "object_id", "radec_corr")] == [None] * 5
    assert (unknown["exposure_duration"], unknown["exposure_start_time"]) == (0.0, unknown["time"])
    assert len({row["exposure_id"] for row in rows}) == 7


def test_a_folder_whose_name_is_no_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    assert all(parquet.read_table(io.BytesIO(path.read_bytes())).num_rows for path in written(folder).iterdir())


def test_observations_and_members_of_difi(tmp_path: Path) -> None:
    observations = parquet.read_table(written(tmp_path) / OBSERVATIONS)
    assert observations.schema.metadata == {b"time.scale": b"utc"}
    assert set(observations["night"].to_pylist()) == {61372}
    members = parquet.read_table(tmp_path / MEMBERS).to_pydict()
    awkward = AWKWARD.replace("\n", "\\x0a")
    assert members["linkage_id"] == [PLAIN] * 4 + [awkward] * 3
    assert set(members["obs_id"]) <= set(observations["id"].to_pylist())


def test_a_night_in_hawaii_is_one_though_noon_in_greenwich_is_in_it() -> None:
    noon = 61373.5
    times = np.array([noon + 0.01, noon - 0.3, noon - 0.01, noon + 0.7, noon + 1.01])
    assert nights_of(times).tolist() == [61372, 61372, 61372, 61373, 61373]
    assert nights_of(np.array([61373.1, 61372.9])).tolist() == [61372, 61372]
    assert nights_of(np.array([])).tolist() == []


def test_times_are_carried_to_the_next_day(tmp_path: Path) -> None:
    night = a_night(mjd=np.nextafter(np.full(11, 61374.0), 0))
    write_outputs(night, ["difi"], tmp_path, OBSERVATORY)
    times = parquet.read_table(tmp_path / OBSERVATIONS)["time"].to_pylist()
    assert all(0 <= each["nanos"] < 86_400_000_000_000 for each in times)
    np.testing.assert_allclose([each["days"] + each["nanos"] / 86_400e9 for each in times], 61374)


def test_a_night_without_detections_has_the_columns(tmp_path: Path) -> None:
    write_outputs(empty_night(), ["thor", "difi"], tmp_path / "none", OBSERVATORY)
    written(tmp_path / "some")
    for name in (NAME, OBSERVATIONS, MEMBERS):
        none, some = (parquet.read_table(tmp_path / folder / name) for folder in ("none", "some"))
        assert len(none) == 0
        assert none.schema.equals(some.schema)


@pytest.mark.skipif(find_spec("adam_core") is None, reason="adam_core is not here; tools/output-readers tries it")
def test_adam_core_reads_it(tmp_path: Path) -> None:
    from adam_core.observations import SourceCatalog

    catalogue = SourceCatalog.from_parquet(written(tmp_path) / NAME)
    assert (len(catalogue), len(catalogue.exposures()), catalogue.time.scale) == (9, 7, "utc")


@pytest.mark.skipif(find_spec("difi") is None, reason="difi is not here; tools/output-readers tries it")
def test_difi_reads_it(tmp_path: Path) -> None:
    from difi.cifi import analyze_observations
    from difi.difi import LinkageMembers, analyze_linkages
    from difi.observations import Observations

    folder = written(tmp_path)
    observations = Observations.from_parquet(folder / OBSERVATIONS)
    members = LinkageMembers.from_parquet(folder / MEMBERS)
    objects, _, summary = analyze_observations(observations, min_obs=3, min_nights=1)
    _, linkages, _ = analyze_linkages(observations, members, objects, summary, min_obs=3)
    assert (len(observations), len(linkages)) == (9, 2)
