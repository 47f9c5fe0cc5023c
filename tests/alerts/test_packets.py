"""Files of packets: what is whole is read, and what is not is an error that names the packet and what it is."""

import gzip
import io
import json
from contextlib import suppress
from pathlib import Path

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.alerts import packets as module
from ceres_fast.alerts.packets import read_packets
from ceres_fast.errors import InputError

from ..alert_files import avro, ztf

PATH = Path("night.tar")
WHOLE = avro(*(ztf(number) for number in range(3)))


def read(content: bytes, member: str = "a.avro") -> list[dict]:
    return [packet.fields for packet in read_packets(io.BytesIO(content), PATH, member)]


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_all_packets_in_order(codec: str) -> None:
    packets = [ztf(number) for number in range(3)]
    found = read(avro(*packets, codec=codec))
    assert [packet["candid"] for packet in found] == [packet["candid"] for packet in packets]
    assert found[0]["cutoutScience"] == packets[0]["cutoutScience"]
    assert read(avro()) == []


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.3, 0.99, 0.9999])
def test_a_cut_file(share: float) -> None:
    with pytest.raises(InputError, match=r"night\.tar, a\.avro, packet \d: cannot be read as Avro") as caught:
        read(WHOLE[: int(share * len(WHOLE))])
    assert "\n" not in str(caught.value)


def test_packets_before_the_cut_are_read() -> None:
    seen = []
    with pytest.raises(InputError, match="packet 2"):
        for packet in read_packets(io.BytesIO(avro(ztf(4)) + b"Obj\x01 more"), PATH):
            seen.append(packet.fields["candid"])
    assert seen == [ztf(4)["candid"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"SIMPLE  =", "does not begin as Avro does, but is FITS"),
        (b"version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer, which `git lfs pull` replaces"),
        (b"\x89HDF\r\n\x1a\n", "but is HDF5"),
        (b"<!DOCTYPE html>", "but is HTML"),
        (b"\xc3\x01" + bytes(8), "single-object encoding"),
        (bytes(100), r"does not begin as Avro does\)"),
        (gzip.compress(b"", mtime=0), "it is empty"),
        (gzip.compress(gzip.compress(WHOLE, mtime=0), mtime=0), "but is gzip"),
        (b"Obj\x01", "cannot be read"),
        (b"\0\0\0\0\x07" + WHOLE, "a Kafka message in Confluent's wire format, schema 7"),
    ],
)
def test_what_is_not_avro(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(content)


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_gzipped_files(codec: str) -> None:
    content = avro(*(ztf(number) for number in range(3)), codec=codec)
    assert read(gzip.compress(content)) == read(content)
    two_members = gzip.compress(content[:5000]) + gzip.compress(content[5000:])
    assert read(two_members) == read(content)


@given(st.integers(0, len(gzip.compress(WHOLE, mtime=0)) - 1))
def test_a_cut_gzipped_file_is_never_silent(length: int) -> None:
    with pytest.raises(InputError):
        read(gzip.compress(WHOLE, mtime=0)[:length])


@given(st.integers(10, len(gzip.compress(WHOLE, mtime=0)) - 1), st.integers(1, 255))
def test_an_altered_gzipped_file_is_never_silent(place: int, flip: int) -> None:
    """The first ten bytes are the header, of which the time and the system may be anything."""
    content = bytearray(gzip.compress(WHOLE, mtime=0))
    content[place] ^= flip
    with pytest.raises(InputError):
        read(bytes(content))


def test_gzip_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_READ", 100_000)
    content = container(record_of("bytes"), long(1_000_000) + bytes(1_000_000))
    with pytest.raises(InputError, match="more than 100000 bytes of it belong together"):
        read(gzip.compress(content))


def test_the_schema_is_named() -> None:
    assert {packet.schema for packet in read_packets(io.BytesIO(WHOLE), PATH)} == {"ztf.alert"}


def test_a_default_of_another_type_decides_nothing() -> None:
    kinds = [{"name": "a", "type": "int", "default": None}, {"name": "b", "type": ["string", "null"], "default": 5}]
    schema = record_of("int") | {"fields": kinds}
    content = container(schema, long(7) + long(0) + long(1) + b"x")
    assert read(content) == read(gzip.compress(content)) == [{"a": 7, "b": "x"}]


def container(schema: object, block: bytes, codec: str = "null") -> bytes:
    """An Avro file of one block of one object, written by hand."""
    header = io.BytesIO()
    meta = {"avro.schema": json.dumps(schema).encode(), "avro.codec": codec.encode()}
    record = {
        "type": "record",
        "name": "header",
        "fields": [
            {"name": "magic", "type": {"type": "fixed", "name": "magic", "size": 4}},
            {"name": "meta", "type": {"type": "map", "values": "bytes"}},
            {"name": "sync", "type": {"type": "fixed", "name": "sync", "size": 16}},
        ],
    }
    fastavro.schemaless_writer(header, record, {"magic": b"Obj\x01", "meta": meta, "sync": bytes(16)})
    size = io.BytesIO()
    fastavro.schemaless_writer(size, "long", len(block))
    return header.getvalue() + b"\x02" + size.getvalue() + block + bytes(16)


def long(value: int) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, "long", value)
    return stream.getvalue()


def record_of(kind: object) -> dict:
    return {"type": "record", "name": "r", "fields": [{"name": "a", "type": kind}]}


EMPTY = {"type": "record", "name": "e", "fields": []}


@pytest.mark.parametrize(
    "items",
    ["null", EMPTY, {"type": "fixed", "name": "f", "size": 0}, record_of("null") | {"name": "n"}, {"type": "null"}],
)
def test_lists_of_nothing_are_refused(items: object) -> None:
    content = container(record_of({"type": "array", "items": items}), long(2**60) + long(0))
    with pytest.raises(InputError, match="lists of nothing"):
        read(content)


def test_lists_of_a_named_nothing_are_refused() -> None:
    schema = record_of("null") | {"fields": [{"name": "a", "type": EMPTY}]}
    schema["fields"].append({"name": "b", "type": {"type": "array", "items": "e"}})
    with pytest.raises(InputError, match="lists of nothing"):
        read(container(schema, long(2**60) + long(0)))


def test_a_field_does_not_hide_a_record_of_its_name() -> None:
    schema = record_of("null") | {"fields": [{"name": "a", "type": EMPTY}, {"name": "e", "type": "string"}]}
    schema["fields"].append({"name": "b", "type": {"type": "array", "items": "e"}})
    with pytest.raises(InputError, match="lists of nothing"):
        read(container(schema, long(0) + long(2**60) + long(0)))


def test_packets_of_nothing_are_refused() -> None:
    content = container(record_of("null"), b"")
    with pytest.raises(InputError, match="packets of nothing"):
        read(content)


@pytest.mark.parametrize(
    "kind", [["null", "r"], {"type": "array", "items": "x.r"}, {"type": "map", "values": ["null", "r"]}]
)
def test_records_that_hold_themselves_are_refused(kind: object) -> None:
    schema = {"type": "record", "name": "x.r", "fields": [{"name": "a", "type": kind}]}
    with pytest.raises(InputError, match="hold themselves"):
        read(container(schema, long(1) * 100_000))
    other = {"type": "record", "name": "s", "fields": [{"name": "b", "type": ["null", "long"]}]}
    twice = {"type": "record", "name": "r", "fields": [{"name": "a", "type": other}, {"name": "c", "type": "s"}]}
    assert read(container(twice, long(1) + long(5) + long(0))) == [{"a": {"b": 5}, "c": {"b": None}}]


@pytest.mark.parametrize("size", [2**31, 2**40, 2**62, -1, -(2**40)])
@pytest.mark.parametrize("kind", ["bytes", "string", {"type": "array", "items": "long"}])
def test_absurd_sizes(size: int, kind: object) -> None:
    with pytest.raises(InputError, match=r"packet 1: cannot be read"):
        read(container(record_of(kind), long(size) + b"abc"))


def test_other_codecs_and_other_things_than_records() -> None:
    with pytest.raises(InputError, match=r"codec|xz|lzma"):
        read(container(record_of("null"), b"", codec="xz"))
    with pytest.raises(InputError, match=r"packet 1: .*holds a int, not a record"):
        read(container("long", long(5)))
    with pytest.raises(InputError):
        read(container({"type": "nonsense"}, b""))


def test_a_deep_schema_is_an_error_not_a_crash() -> None:
    nested = b'{"type":"array","items":' * 5000 + b'"long"' + b"}" * 5000
    meta = long(1) + long(11) + b"avro.schema" + long(len(nested)) + nested + long(0)
    with pytest.raises(InputError):
        read(b"Obj\x01" + meta + bytes(16))


@given(st.binary(max_size=300))
def test_random_bytes(content: bytes) -> None:
    with pytest.raises(InputError):
        read(content)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_flipped_byte_never_gives_a_traceback(place: int, flip: int) -> None:
    content = bytearray(WHOLE)
    content[place] ^= flip
    with suppress(InputError):  # some bytes, as those of the cut-outs, may be anything
        assert len(read(bytes(content))) <= 3
