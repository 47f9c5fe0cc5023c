"""What a file may hold: a wrong value is named as a user would write it, whatever it is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from ceres_fast.errors import InputError
from ceres_fast.schema import (
    Count,
    Mismatch,
    Number,
    Positive,
    Sha256,
    Share,
    Word,
    check,
    check_fields,
    check_version,
    expected,
    file_name,
    one_of,
    plain,
    shape,
    shown,
)


class File(TypedDict):
    file: Word
    sha256: Sha256
    bytes: NotRequired[Count]


@dataclass(frozen=True)
class Telescope:
    name: Word
    kind: Literal["reflector", "refractor"]
    mirrors: Count
    tracking: bool
    throughput: Share
    aperture: Positive
    camera: Annotated[str, one_of(("ccd", "a+b"))]
    files: Mapping[str, File]
    nights: list[File]
    size: tuple[Count, Count, Count]
    notes: Mapping[str, Any]
    log: File | None = None
    run: Annotated[int, Meta(ge=1)] | Word = 1
    shapes: tuple[tuple[Count, ...], ...] = ()
    folder: Path = field(default=Path(), compare=False)

    def __post_init__(self) -> None:
        check_fields(self)


FILE = {"file": "a.onnx", "sha256": "ab" * 32}
GOOD: dict[str, Any] = {
    "name": "Schmidt",
    "kind": "reflector",
    "mirrors": 2,
    "tracking": True,
    "throughput": 0.5,
    "aperture": 1,
    "camera": "a+b",
    "files": {"onnx": FILE, "weights": {**FILE, "bytes": 5}},
    "nights": [FILE, FILE],
    "size": [1, 2, 3],
    "notes": {"any": [1, {"thing": None}]},
    "log": None,
    "run": "first",
    "shapes": [[1, 2], []],
}


def test_what_fits_is_left_as_it_is() -> None:
    given = json.loads(json.dumps(GOOD))
    check(given, Telescope)
    assert given == GOOD
    assert type(given["aperture"]) is int
    made = Telescope(**GOOD, folder=Path("x"))
    assert made.files is GOOD["files"]


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "wrong type": ({"name": 3}, "name is 3", "a name of 1 to 199 characters"),
    "null": ({"name": None}, "name is None", "a name of 1 to 199 characters"),
    "a bool for a whole number": ({"mirrors": True}, "mirrors is True", "a whole number from 0 on"),
    "a whole number for a bool": ({"tracking": 1}, "tracking is 1", "true or false"),
    "a bool for a number": ({"throughput": True}, "throughput is True", "a number from 0 to 1"),
    "decimals for a whole number": ({"mirrors": 2.0}, "mirrors is 2.0", "a whole number from 0 on"),
    "out of bounds": ({"throughput": 1.5}, "throughput is 1.5", "a number from 0 to 1"),
    "NaN": ({"throughput": math.nan}, "throughput is nan", "a number from 0 to 1"),
    "NaN above 0": ({"aperture": math.nan}, "aperture is nan", "a number above 0"),
    "infinite": ({"aperture": math.inf}, "aperture is inf", "a number above 0"),
    "too large for a float": ({"aperture": 10**400}, f"aperture is {shown(10**400)}", "a number above 0"),
    "too large for a count": ({"mirrors": 10**400}, f"mirrors is {shown(10**400)}", "a whole number from 0 on"),
    "another word": ({"kind": "dish"}, "kind is 'dish'", "reflector or refractor"),
    "no word": ({"kind": 1}, "kind is 1", "reflector or refractor"),
    "none of the names": ({"camera": "aab"}, "camera is 'aab'", "one of ccd, a+b"),
    "a name and a line": ({"camera": "ccd\n"}, r"camera is 'ccd\n'", "one of ccd, a+b"),
    "in an object of any keys": (
        {"files": {"onnx": FILE, "weights": {**FILE, "sha256": "x"}}},
        "files.weights.sha256 is 'x'",
        "64 hexadecimal digits",
    ),
    "missing in an object": ({"files": {"onnx": FILE, "a b": {"file": "x"}}}, "files.a b lacks sha256", "64 hex"),
    "unknown in an object": (
        {"files": {"onnx": {**FILE, "url": {"a": 1}}}},
        "files.onnx has unknown url",
        "nothing but file, sha256, bytes",
    ),
    "not required, but wrong": ({"files": {"a": {**FILE, "bytes": -1}}}, "files.a.bytes is -1", "a whole number"),
    "in a list": ({"nights": [FILE, {**FILE, "file": ""}]}, "nights[1].file is ''", "a name of 1 to"),
    "unknown in a list": ({"nights": [FILE, {**FILE, "x": 1}]}, "nights[1] has unknown x", "nothing but file"),
    "no object in a list": ({"nights": [7]}, "nights[0] is 7", "an object of file, sha256, bytes"),
    "no list": ({"nights": {}}, "nights is {}", "a list"),
    "in a tuple": ({"size": [1, 2, -3]}, "size[2] is -3", "a whole number from 0 on"),
    "of another length": ({"size": [1, 2]}, "size is [1, 2]", "a list"),
    "in a tuple of tuples": ({"shapes": [[1], [2, "3"]]}, "shapes[1][1] is '3'", "a whole number from 0 on"),
    "in what may be null": ({"log": {**FILE, "sha256": 5}}, "log.sha256 is 5", "64 hexadecimal digits"),
    "neither it nor null": ({"log": 5}, "log is 5", "an object of file, sha256, bytes or null"),
    "neither of two": ({"run": 0}, "run is 0", "a whole number of at least 1 or a name of 1 to 199 characters"),
    "a key that is no text": ({"files": {1: FILE}}, "files has the key 1", "for a key text"),
    "text that is none": ({"mirrors": "\ud800"}, r"holds '\ud800'", "text in Unicode"),
    "an escape in a key": (
        {"files": {"\x1b[31m": {}}},
        r"files.\x1b[31m lacks file",
        "a name of 1 to 199 characters",
    ),
}


@pytest.mark.parametrize(("changed", "what", "wanted"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_named(changed: dict[str, Any], what: str, wanted: str) -> None:
    with pytest.raises(Mismatch) as caught:
        check({**GOOD, **changed}, Telescope)
    assert caught.value.what == what
    assert caught.value.expected.startswith(wanted)
    with pytest.raises(ValueError, match="expected"):
        Telescope(**{**GOOD, **changed})
    error = caught.value.of_file("t.json", action="make it anew")
    assert str(error) == f"t.json: {what}; expected {caught.value.expected}. Make it anew."
    assert str(error).isprintable()


@pytest.mark.parametrize("name", GOOD)
def test_what_is_missing_is_named(name: str) -> None:
    values = {each: value for each, value in GOOD.items() if each != name}
    with pytest.raises(Mismatch, match=f"^lacks {name}, expected"):
        check(values, Telescope)
    if name in ("log", "run", "shapes"):
        check(values, shape(Telescope, defaults=True))
    else:
        with pytest.raises(Mismatch, match=f"^lacks {name}, expected"):
            check(values, shape(Telescope, defaults=True))


def test_a_part_is_named_by_its_place() -> None:
    for value, message in (
        ({"file": "x", "sha256": 1}, r"^files\.onnx\.sha256 is 1"),
        (5, r"^files\.onnx is 5"),
        ({**FILE, "u": 1}, r"^files\.onnx has unknown u"),
    ):
        with pytest.raises(Mismatch, match=message):
            check(value, File, at="files.onnx")


@pytest.mark.parametrize(
    "name",
    [
        *("../a.onnx", "/etc/a.onnx", "sub/a.onnx", "..\\a.onnx", "C:a.onnx", ".onnx", ".a.onnx", "..", "", "a.h5"),
        *("a.onnx\n", "x" * 200 + ".onnx"),
    ],
)
def test_file_names_are_bare(name: str) -> None:
    kind = Annotated[str, file_name(".weights.h5", ".onnx")]
    for good in ("a.onnx", "run:1.onnx", "Größe 2.weights.h5"):
        check(good, kind)
    with pytest.raises(Mismatch, match=r"expected a bare file name ending in \.weights\.h5 or \.onnx"):
        check(name, kind)


def test_unknown_keys_are_refused_or_kept() -> None:
    for name in ("colour", "folder"):
        with pytest.raises(Mismatch, match=f"^has unknown {name}, expected nothing but name, kind"):
            check({**GOOD, name: "x"}, Telescope)
        check({**GOOD, name: "x"}, Telescope, more="kept")


@pytest.mark.parametrize("values", [None, [], 5, "text", [GOOD]])
def test_what_is_no_object_is_refused(values: Any) -> None:
    with pytest.raises(Mismatch, match=r"expected an object of name, kind"):
        check(values, Telescope)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(GOOD)), json_values)
def test_whatever_a_value_is_it_fits_or_is_named(name: str, value: object) -> None:
    found = None
    try:
        check({**GOOD, name: value}, Telescope)
    except Mismatch as error:
        found = error
    assert found is None or found.key.startswith(name)
    assert found is None or (found.what.isprintable() and len(str(found)) < 500)


@pytest.mark.parametrize("version", [None, True, 1, 2.0, "2", [], 4])
def test_other_versions_are_refused(version: Any) -> None:
    check_version({"format_version": 2}, 2, Path("t.json"), older="build it again")
    action = "Install a newer ceres-fast" if version == 4 else "Build it again"
    with pytest.raises(InputError, match=rf"t\.json: has the format version .*; expected version 2\. {action}"):
        check_version(
            {"format_version": version} if version is not None else {}, 2, Path("t.json"), older="build it again"
        )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, "\x1b[31mred"]}, r"a\[1\] is '.x1b"),
        ({"a": {"b\n": 1}}, r"a\.b.n is"),
        ({"a": "\u202egnp"}, r"a is '.u202e"),
        ({"a": {"": 1}}, "a has the key '', expected for a key a name of 1 to 199 characters"),
        ({"a": [{"k" * 200: 1}]}, r"a\[0\] has the key 'kkk"),
        ({"a": math.nan}, "a is nan, expected a number"),
        ({"a": -math.inf}, "a is -inf"),
        ({"a": 10**400}, "a is 1000"),
        ("\ud800", "is '.ud800'"),
        (json.loads("[" * 800 + "]" * 800), "nested too deeply"),
    ],
)
def test_data_that_are_not_plain_are_refused(value: Any, message: str) -> None:
    with pytest.raises(Mismatch, match=message) as caught:
        plain(value)
    assert str(caught.value).isprintable()


def test_plain_data() -> None:
    plain({"a": [1, 2.5, True, None, "Größe", {"b": (), "k" * 199: "", "v": "v" * 300}], "c": -1e308})


def test_what_is_expected_in_words() -> None:
    words = {
        expected(int): "a whole number",
        expected(float): "a number",
        expected(bool): "true or false",
        expected(Annotated[int, Meta(ge=1)]): "a whole number of at least 1",
        expected(Annotated[float, Meta(ge=0, lt=1)]): "a number of at least 0 and below 1",
        expected(Annotated[int, Meta(ge=0, le=4294967295)]): "a whole number from 0 to 4294967295",
        expected(Share | None): "a number from 0 to 1 or null",
        expected(Number): "a number",
        expected(list[int]): "a list",
        expected(Mapping[str, int]): "an object",
        expected(File): "an object of file, sha256, bytes",
    }
    assert list(words) == list(words.values())
