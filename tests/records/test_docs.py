"""The file format as ``docs/records.md`` describes it."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from ceres_fast.records.manifest import Manifest
from ceres_fast.records.pipeline import read_columns
from ceres_fast.records.schema import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "records.md"


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def test_the_program_on_the_page_reads_a_shard(page, built):
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {"__name__": "page"}
    exec(compile(program, str(PAGE), "exec"), names)
    read = [record for path in built.shards("test") for record in names["records"](path)]
    expected = read_columns(built, "test", ["stamp", *KINDS])
    assert len(read) == len(expected["label"])
    unpack = {
        float: lambda value: struct.unpack("<d", value)[0],
        int: int,
        str: lambda value: value.decode(),
    }
    for number, record in enumerate(read):
        assert record["stamp"] == expected["stamp"][number].astype("<f4").tobytes()
        for name, kind in KINDS.items():
            np.testing.assert_equal(unpack[kind](record[name]), expected[name][number], err_msg=name)


def test_every_column_and_key_is_on_the_page(page):
    keys = [name for name in Manifest.__annotations__ if name not in ("folder", "sha256")]
    for name in (*KINDS, *keys):
        assert f"`{name}`" in page
