"""Messages of Kafka, which do not hold their schema: read where it is known, and else it is said where to put it."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.alerts import avro
from ceres_fast.alerts.packets import Packet, read_packets
from ceres_fast.errors import InputError

from ..alert_files import RUBIN_SCHEMA, message, rubin

PATH = Path("alert.avro")


def read(content: bytes, *schemas: Path) -> list[Packet]:
    return list(read_packets(io.BytesIO(content), PATH, schemas=schemas))


def spread(folder: Path, version: str) -> list[Path]:
    """The schema of Rubin in a file per record, each named by its full name, as lsst/alert_packet has them."""
    folder.mkdir(parents=True, exist_ok=True)

    def written(schema: Any) -> Any:
        if isinstance(schema, list):
            return [written(each) for each in schema]
        if isinstance(schema, str):
            return schema.replace("lsst.", f"lsst.{version}.")
        if schema["type"] == "array":
            return schema | {"items": written(schema["items"])}
        name = schema["name"].replace("lsst.", f"lsst.{version}.")
        fields = [field | {"type": written(field["type"])} for field in schema["fields"]]
        (folder / f"{name}.avsc").write_text(json.dumps({"type": "record", "name": name, "fields": fields}))
        return name

    written(RUBIN_SCHEMA)
    return sorted(folder.iterdir())


@pytest.fixture(autouse=True)
def _not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is installed here, no package has schemas."""
    monkeypatch.setattr(avro, "_RUBIN_SCHEMAS", "no.such.package")


@pytest.mark.parametrize(
    ("number", "name"), [(900, "900.avsc"), (7, "7.avsc"), (2**32 - 1, f"{2**32 - 1}.avsc"), (1101, "1101.avsc")]
)
def test_a_schema_by_its_number(tmp_path: Path, number: int, name: str) -> None:
    (tmp_path / name).write_text(json.dumps(RUBIN_SCHEMA))
    (tmp_path / "1.avsc").write_text(json.dumps({"type": "string"}))
    packets = [rubin(), rubin(reliability=0.1)]
    found = read(b"".join(message(packet, number=number) for packet in packets), *sorted(tmp_path.iterdir()))
    assert [packet.fields["diaSource"]["diaSourceId"] for packet in found] == [1, 1]
    assert [packet.fields["cutoutScience"] for packet in found] == [packet["cutoutScience"] for packet in packets]
    assert {packet.schema for packet in found} == {"lsst.alert"}


def test_a_schema_as_a_registry_answers(tmp_path: Path) -> None:
    answer = {"subject": "alert-packet", "version": 900, "id": 900, "schema": json.dumps(RUBIN_SCHEMA)}
    (tmp_path / "900.avsc").write_text(json.dumps(answer))
    assert len(read(message(rubin()), tmp_path / "900.avsc")) == 1


@pytest.mark.parametrize(("number", "version"), [(900, "v9_0"), (704, "v7_4"), (1101, "v11_1")])
def test_a_schema_of_several_files(tmp_path: Path, number: int, version: str) -> None:
    files = spread(tmp_path, version)
    assert len(files) == 3
    (packet,) = read(message(rubin(), number=number), *files)
    assert packet.schema == f"lsst.{version}.alert"
    with pytest.raises(InputError, match="does not hold its own schema"):
        read(message(rubin(), number=number + 1), *files)
    with pytest.raises(InputError, match=r"is no Avro schema: .*diaSource"):
        read(message(rubin(), number=number), *(file for file in files if "diaSource" not in file.name))


def test_the_schemas_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "rubin_schemas" / "packet"
    spread(package / "schema" / "9" / "0", "v9_0")
    (package / "__init__.py").write_text("raise RuntimeError('nothing of it is run')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(avro, "_RUBIN_SCHEMAS", "rubin_schemas.packet")
    try:
        assert len(read(message(rubin()))) == 1
        with pytest.raises(InputError, match="schema 901"):
            read(message(rubin(), number=901))
    finally:
        sys.modules.pop("rubin_schemas", None)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (900, r"schema 900, which is Rubin's version 9\.0, .*Put its schema beside it \(900\.avsc, or .* lsst\.v9_0\."),
        (1002, r"schema 1002, which is Rubin's version 10\.2, .*lsst\.v10_2\.\*\.avsc"),
        (7, r"schema 7 does not hold.*Put its schema, 7\.avsc, beside it, or write it into an Avro file"),
    ],
)
def test_a_message_without_its_schema(number: int, said: str) -> None:
    with pytest.raises(
        InputError, match=rf"alert\.avro, packet 1: cannot be read as Avro \(a Kafka message in .*{said}"
    ):
        read(message(rubin(), number=number))


def test_the_wrong_schema(tmp_path: Path) -> None:
    wrong = {
        '"string"': "was written with another schema than",
        json.dumps({"type": "record", "name": "a.b", "fields": [{"name": "x", "type": "double"}]}): "another schema",
        json.dumps(RUBIN_SCHEMA | {"fields": RUBIN_SCHEMA["fields"][1:]}): "another schema than lsst.alert",
        "{": "900.avsc is no Avro schema",
        '{"type": "record"}': "900.avsc is no Avro schema",
    }
    for number, (text, said) in enumerate(wrong.items(), 901):
        path = tmp_path / f"{number}.avsc"
        path.write_text(text)
        with pytest.raises(InputError, match=said.replace("900", str(number))):
            read(message(rubin(), number=number), path)


def test_lists_of_nothing_are_refused(tmp_path: Path) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}]}
    path = tmp_path / "900.avsc"
    path.write_text(json.dumps(schema))
    with pytest.raises(InputError, match="lists of nothing"):
        read(b"\0\0\0\x03\x84" + bytes(20), path)


WHOLE = message(rubin())


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schemas") / "900.avsc"
    path.write_text(json.dumps(RUBIN_SCHEMA))
    return path


@given(st.integers(0, len(WHOLE) - 1))
def test_a_cut_message_is_never_silent(schema: Path, length: int) -> None:
    with pytest.raises(InputError):
        read(WHOLE[:length], schema)


@given(st.binary(max_size=100))
def test_what_follows_a_message_is_never_silent(schema: Path, junk: bytes) -> None:
    assert len(read(WHOLE + WHOLE, schema)) == 2
    if junk:
        with pytest.raises(InputError, match=r"packet [12]: "):
            read(WHOLE + junk, schema)
