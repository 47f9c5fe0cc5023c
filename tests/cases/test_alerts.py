"""Alerts as surveys and brokers send them: read as what they are, or named as what they are."""

import gzip
from collections import Counter
from pathlib import Path

import pytest
from astropy.table import Table, vstack

from ceres_fast.alerts import alert_tables, alert_units
from ceres_fast.alerts.avro import _installed
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.records.build import build_records


@pytest.fixture(scope="module")
def cases(shared_cases: Path) -> Path:
    return shared_cases / "truth_alerts"


def read(path: Path) -> tuple[Table, Counter[str]]:
    tables, counts = zip(*(made for unit in alert_units(path) for made in alert_tables(unit)), strict=True)
    return vstack(tables), sum(counts, Counter())


def test_rubin_without_a_predicted_magnitude(cases: Path) -> None:
    table, counts = read(cases / "01-rubin-ephvmag-zero" / "rubin_sso.avro")
    assert table["designation"].tolist() == ["2004 JQ12", "2020 SJ88"]
    assert table["label"].tolist() == [1, 1]
    assert (table["padded"] == 32**2 - 30**2).all()
    assert (counts["small_cutouts"], counts["padded_stamps"], counts["filled_stamps"]) == (2, 0, 0)


KAFKA = "10-rubin-kafka/7912941781254298.avro"


def test_a_message_of_rubin_is_read_with_its_schema(cases: Path) -> None:
    if not _installed(900):
        pytest.skip("the schemas of Rubin (pip install lsst-alert-packet; GPL, so not shipped) are not installed")
    table, counts = read(cases / KAFKA)
    assert (table["field"].tolist(), table["ccd"].tolist()) == (["visit 943296"], ["168"])
    assert (counts["alerts"], counts["bogus"]) == (1, 1)


def test_a_message_of_rubin_says_what_it_is(cases: Path, tmp_path: Path) -> None:
    if _installed(900):
        pytest.skip("the schemas of Rubin are installed")
    with pytest.raises(
        InputError, match=r"schema 900, which is Rubin's version 9\.0, .*beside it \(900\.avsc"
    ) as caught:
        build_records([cases / KAFKA], tmp_path / "records")
    assert "copy it again" not in str(caught.value).lower()


FINK = "11-fink-parquet/part-1-0-120932350.parquet"


def test_parquet_of_fink(cases: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is not installed")
    table, counts = read(cases / FINK)
    assert (counts["alerts"], counts["stationary"], counts["filled_stamps"]) == (2, 2, 0)
    assert set(table["filter"]) <= set("ugrizy")
    assert read(cases / FINK.partition("/")[0])[1] == counts  # a folder of them


@pytest.mark.parametrize("name", [FINK, FINK.partition("/")[0]])
def test_parquet_is_named(cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(
        CeresFastError, match=r"\.parquet: is Parquet, .*expected Avro.*pip install 'ceres-fast\[parquet\]'"
    ):
        build_records([cases / name], tmp_path / "records")


def test_gzipped_avro(cases: Path, tmp_path: Path) -> None:
    packed = gzip.compress((cases / "01-rubin-ephvmag-zero" / "rubin_sso.avro").read_bytes())
    (tmp_path / "night").mkdir()
    (tmp_path / "night" / "rubin_sso.avro.gz").write_bytes(packed)
    for source in (tmp_path / "night", tmp_path / "night" / "rubin_sso.avro.gz"):
        assert read(source)[1]["asteroid"] == 2


def test_the_archive_of_a_night_without_alerts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "night.tar.gz").write_bytes(gzip.compress(b""))
    (unit,) = alert_units(tmp_path / "night.tar.gz")
    assert [counts for _, counts in alert_tables(unit)] == [{"files": 1}]
    with pytest.raises(CeresFastError, match=r"no stamp is left \(files 1\)"):
        build_records([tmp_path / "night.tar.gz"], tmp_path / "records")
    assert "night.tar.gz: holds no alerts" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "survey"), [("winter", "WINTER"), ("decam", r"DECam \(DESIRT\)")])
def test_other_surveys_are_named(cases: Path, tmp_path: Path, name: str, survey: str) -> None:
    path = cases / "12-other-surveys-as-ztf" / f"{name}.avro"
    with pytest.raises(InputError, match=rf"{name}\.avro, packet 1: is an alert of {survey} .*not of ZTF.* or Rubin"):
        build_records([path], tmp_path / "records")
