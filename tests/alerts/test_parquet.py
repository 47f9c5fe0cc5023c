"""Parquet, as brokers hand out alerts: read as Avro is, where what reads it is installed."""

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ceres_fast.alerts import alert_tables, alert_units, is_alerts
from ceres_fast.alerts.packets import read_packets
from ceres_fast.errors import CeresFastError, InputError

from ..alert_files import ASTEROID, BOGUS, CANDID, avro, rubin, ztf
from .test_tables import read, same

PACKETS = [ztf(1, **ASTEROID), ztf(2, **BOGUS), ztf(3)]


def write_parquet(path: Path, packets: Sequence[dict[str, Any]]) -> Path:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is not installed")
    from pyarrow import parquet

    parquet.write_table(arrow.Table.from_pylist(list(packets)), path)
    return path


@pytest.mark.parametrize("packets", [PACKETS, [rubin(reliability=0.1), rubin(history=[60800.25, 60801.25]), rubin()]])
def test_it_gives_what_avro_gives(tmp_path: Path, packets: list[dict[str, Any]]) -> None:
    content = avro(*packets)
    (tmp_path / "b.avro").write_bytes(content)
    (tmp_path / "a").mkdir()
    single = [
        packet.fields for packet in read_packets(io.BytesIO(content), tmp_path)
    ]  # in single precision, as in Avro
    path = write_parquet(tmp_path / "a" / "part-0.parquet", single)
    expected, counts = read(tmp_path / "b.avro")
    assert is_alerts(tmp_path / "a")
    for source in (path, path.parent):
        found, found_counts = read(source)
        assert same(expected, found)
        assert counts == found_counts


def test_packets_are_read_some_at_a_time(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", [ztf(number) for number in range(100)])
    with path.open("rb") as stream:
        found = [packet.fields["candid"] for packet in read_packets(stream, path)]
    assert found == [CANDID + number for number in range(100)]


def test_a_damaged_file(tmp_path: Path) -> None:
    content = write_parquet(tmp_path / "x.parquet", PACKETS).read_bytes()
    for bad in (content[:-1], content[:1000], content[:5]):
        with pytest.raises(InputError, match=r"x\.parquet, packet 1: cannot be read as Parquet \("):
            list(read_packets(io.BytesIO(bad), Path("x.parquet")))


def test_packets_without_cut_outs(tmp_path: Path) -> None:
    light = [{name: value for name, value in packet.items() if "cutout" not in name} for packet in PACKETS]
    path = write_parquet(tmp_path / "x.parquet", light)
    assert not is_alerts(tmp_path)
    with pytest.raises(InputError, match="packet 1: has no science cut-out"):
        read(path)


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_what_reads_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_error: str) -> None:
    """Which is no fault of the file: nothing is left out for it."""
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    (unit,) = alert_units(path)
    with pytest.raises(
        CeresFastError, match=r"x\.parquet: is Parquet, .*expected Avro.*'ceres-fast\[parquet\]'"
    ) as caught:
        list(alert_tables(unit, on_error=on_error))
    assert not isinstance(caught.value, InputError)
