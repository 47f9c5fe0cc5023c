"""The text format that is written is the one that protocol buffers read."""

from __future__ import annotations

import pytest
from google.protobuf import struct_pb2, text_format
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.export.pbtxt import Word, text


@given(st.text())
def test_every_string_is_read_back(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return
    written = text({"string_value": value})
    assert written.isascii()
    assert written.count("\n") == 1
    assert text_format.Parse(written, struct_pb2.Value()).string_value == value


def test_messages_lists_maps_numbers_and_words() -> None:
    fields = [{"key": f"k{number}", "value": {"bool_value": bool(number)}} for number in range(2)]
    written = text({"fields": [*fields, {"key": "none", "value": {"null_value": Word("NULL_VALUE")}}]})
    read = text_format.Parse(written, struct_pb2.Struct())
    assert dict(read) == {"k0": False, "k1": True, "none": None}
    assert text({"dims": [32, 32, 1], "empty": [], "none": {}}) == "dims: 32\ndims: 32\ndims: 1\nnone {\n}\n"


@pytest.mark.parametrize("value", [None, b"bytes", 0.5, {1}])
def test_anything_else_is_a_mistake(value: object) -> None:
    with pytest.raises(TypeError, match="has no place in a message"):
        text({"name": value})
