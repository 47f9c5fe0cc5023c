"""Profiles of cameras: what they may say, how they are read, and what they change."""

import tomllib

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import InputError
from ceres_fast.frames.camera import ALTERNATIVES, GENERIC, LONGEST_NAME, REPEATS, Camera, check_expression
from ceres_fast.frames.headers.quantities import number, text
from ceres_fast.frames.headers.times import middle
from ceres_fast.frames.profiles import SHIPPED, camera_names, camera_of, load_camera
from ceres_fast.schema import Mismatch


@pytest.mark.parametrize("name", camera_names())
def test_shipped_profiles_are_read_and_named_as_their_files(name):
    camera = load_camera(name)
    assert camera.name == name
    assert camera_of(camera.as_dict()) == camera


def test_expected_profiles_ship():
    assert set(camera_names()) >= {"generic", "int-wfc", "ztf", "decam", "lco", "rubin", "nina"}
    assert load_camera(None) is GENERIC
    assert load_camera("generic") == GENERIC


def test_generic_is_a_template_of_every_key():
    lines = (SHIPPED / "generic.toml").read_text().splitlines()
    code = [line.removeprefix("# ") for line in lines if not line[2:3].isupper() or " = " in line or "[[" in line]
    wanted = [line for line in code if " = " in line.partition("#")[0] or line.startswith("[")]
    wanted = [line for line in wanted if not line.startswith("[sic]") and not line.rstrip().endswith((".", ","))]
    values = tomllib.loads("\n".join(wanted))
    assert values.keys() == Camera().as_dict().keys()
    camera_of(values)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"unknown": 1}, "unknown"),
        ({"keywords": {"tim": ["A"]}}, "tim"),
        ({"keywords": {"time": "MJD"}}, "keywords.time"),
        ({"keywords": {"time": ["mjd"]}}, "keywords.time"),
        ({"units": {"PSF": "pixel"}}, "PSF"),
        ({"units": {"SEEING": "furlong"}}, "units.SEEING"),
        ({"origin": 2}, "origin"),
        ({"origin": True}, "origin"),
        ({"no_data_bits": [63]}, "no_data_bits"),
        ({"no_data_bits": [-1]}, "no_data_bits"),
        ({"extensions": {"DQ": "masks"}}, "extensions.DQ"),
        ({"files": [{"frame": "a", "map": "b"}]}, "files[0]"),
        ({"files": [{"frame": "a", "map": "b", "kind": "mask", "more": 1}]}, "more"),
        ({"files": [{"frame": "../a", "map": "/b", "kind": "mask"}]}, "files[0]"),
        ({"field_ignore": ["("]}, "field_ignore[0]"),
        ({"field_ignore": ["x" * 101]}, "field_ignore[0]"),
        ({"name": "a\x1b[2J"}, "name"),
    ],
)
def test_what_a_profile_may_not_say_is_refused_by_key(tmp_path, values, key):
    with pytest.raises(Mismatch) as found:
        camera_of(values)
    assert key in str(found.value)


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "mine.toml"
    with pytest.raises(InputError, match=r"mine\.toml.*neither a camera that is known nor a file.*decam"):
        load_camera(path)
    for content in (b"origin = ", b"\xff", b"[" * 50_000, b"x" * 200_000, b"origin = 7"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"mine\.toml"):
            load_camera(path)
    with pytest.raises(InputError, match="is no file"):
        load_camera(tmp_path)


def test_a_users_profile_is_named_as_its_file_unless_it_says(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("origin = 0\n")
    assert load_camera(path) == Camera(name="mine", origin=0)
    path.write_text('name = "other"\n')
    assert load_camera(str(path)).name == "other"


EXPRESSIONS = {
    r"dither \d+": True,
    r"(?i)(?:dither|offset)": True,
    r"\(\d+/\d+\)$": True,
    r"[)+*]+": True,
    r" - DelRA.*": True,
    r"(a+)+": False,
    r"(a|b)*": False,
    r"(?:a?){9}": False,
    r"(a)\1": False,
    r"(?=a)": False,
    r"(?<!a)b": False,
    r"(?P<a>b)": False,
    r".*.*.*.*": False,
    r"a|b|c|d|e": False,
}


@pytest.mark.parametrize("pattern", EXPRESSIONS)
def test_only_simple_expressions_are_used(pattern):
    if EXPRESSIONS[pattern]:
        check_expression(pattern, "key")
    else:
        with pytest.raises(Mismatch, match="simple regular expression"):
            check_expression(pattern, "key")


@given(st.text(alphabet=r"ab.*+?{}()|[]\1d,2^$:=!<", max_size=40))
def test_no_expression_that_is_allowed_runs_for_long(pattern):
    try:
        camera = Camera(field_ignore=(pattern,))
    except Mismatch:
        return
    camera.field_name("ab" * (LONGEST_NAME // 2))  # one that were not simple would go on until the test is ended


def test_words_of_field_names_are_left_out():
    camera = Camera(field_ignore=(r" - DelRA.*", r"(?i)dither *\d+"))
    for name in ("CDFS-S_I - DelRA =  43.2, DelDec = -64.8", "CDFS-S_I_dither 4", "CDFS-S_I"):
        assert text(fits.Header([("OBJECT", name)]), "field", camera).value == "CDFS-S_I"
    assert camera.field_name("x" * 100 + "dither 4").endswith("4")


def test_keywords_and_units_of_a_profile_come_first():
    header = fits.Header([("SEEING", 9.0), ("PSF", 2.0), ("PIXSCALE", 0.5), ("GAIN", 7.0)])
    camera = camera_of({"keywords": {"seeing": ["PSF"]}, "units": {"PSF": "pixel", "GAIN": "setting"}})
    assert number(header, "seeing", {"pixel_scale": 0.5}, camera).value == 1.0
    assert not number(header, "gain", {}, camera).value > 0
    assert number(header, "gain").value == 7.0


@pytest.mark.parametrize("value", ["2023-01-01T02:03:04.5", 59945.085468750, "59945.085468750", 2459945.585468750])
def test_the_time_of_a_profile_may_be_a_date_or_a_number(value):
    found = middle(fits.Header([("SHUTTER", value), ("MJD-OBS", 50000.0)]), 0.0, ("SHUTTER",))
    assert found.value == pytest.approx(59945.08546875, abs=1e-6)


def test_differences_are_named_but_for_the_name():
    assert Camera(name="a").differences(Camera(name="b")) == []
    assert Camera(origin=0).differences(GENERIC) == ["origin"]
    assert REPEATS > 0 < ALTERNATIVES
