"""The file format as ``docs/records.md`` describes it."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from ceres_fast.alerts import tables
from ceres_fast.alerts.labels import REASONS
from ceres_fast.records.build import build_records
from ceres_fast.records.examples import KINDS
from ceres_fast.records.manifest import Manifest
from ceres_fast.records.pipeline import read_columns
from ceres_fast.records.reconcile import ACCOUNTS, COUNTS
from ceres_fast.records.splits.hold_out import LINKED, UNKNOWN
from ceres_fast.records.splits.quotas import OVER
from ceres_fast.stamps import PLANE_SETS

from ..alert_files import write_fields

PAGE = Path(__file__).parents[2] / "docs" / "records.md"


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=PLANE_SETS, ids=len)
def records(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    return build_records([write_fields(folder / "night")], folder / "records", planes=request.param, shards=1)


def test_the_program_on_the_page_reads_a_shard(page, records, capsys, monkeypatch):
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {"__name__": "__main__"}
    (shard,) = records.shards("test")
    monkeypatch.setattr("sys.argv", ["page", str(shard)])
    exec(compile(program, str(PAGE), "exec"), names)
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    read = list(names["records"](shard))
    expected = read_columns(records, "test", ["stamp", *KINDS])
    assert {*read[0]} == {"stamp", *records.columns}
    assert len(read) == len(printed) == len(expected["label"]) > 0
    unpack = {
        float: lambda value: struct.unpack("<d", value)[0],
        int: int,
        str: lambda value: value.decode(),
    }
    for number, record in enumerate(read):
        pixels = np.frombuffer(record["stamp"], "<f4").reshape(32, 32, -1)  # as the page says
        np.testing.assert_array_equal(pixels, expected["stamp"][number])
        centre = [float(value) for value in printed[number][-len(records.planes) :]]
        np.testing.assert_array_equal(centre, pixels[16, 16])
        for name, kind in ((name, KINDS[name]) for name in records.columns):
            np.testing.assert_equal(unpack[kind](record[name]), expected[name][number], err_msg=name)


def test_every_column_and_key_is_on_the_page(page):
    keys = [name for name in Manifest.__annotations__ if name not in ("folder", "sha256")]
    for name in (*KINDS, *keys):
        assert f"`{name}`" in page


def test_every_count_and_reason_is_on_the_page(page):
    of_accounts = {reason for account in ACCOUNTS.values() for reason in account.reasons}
    counts = {*COUNTS, *tables.COUNTS, *of_accounts, OVER, LINKED, UNKNOWN}
    for name in (*ACCOUNTS, *REASONS, *(name for name in counts if not name.startswith("set_aside_"))):
        assert re.search(rf"\b{name}\b", page), name
