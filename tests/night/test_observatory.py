"""The file that says who observed."""

from pathlib import Path

import pytest

from ceres_fast.errors import InputError
from ceres_fast.night.observatory import aperture_of, read_observatory

from .writers.test_outputs import TOML


def test_what_is_not_said_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "who.toml").write_text(TOML)
    who = read_observatory(tmp_path / "who.toml")
    assert (who.code, who.telescope["aperture"], who.bands) == ("950", 2.54, {"r": "Sr"})
    assert (who.mode, who.observers, who.institution, who.programme) == ("CCD", [], None, "")


@pytest.mark.parametrize(
    ("was", "now", "problem"),
    [
        ('code = "950"', "", "lacks code"),
        ('"950"', '"9 50"', "code is '9 50'"),
        ('"950"', "950", "code is 950"),
        ('"S. Mitter"', '"a | b"', "submitter is 'a | b'"),
        ('"S. Mitter"', '"a\\nb"', "submitter is"),
        ('["M. One"]', "[]", "measurers is"),
        ("2.54", "0.0001", r"telescope.aperture is 0.0001"),
        ("2.54", "100", r"telescope.aperture is 100"),
        ('"S. Mitter"', '"\\uffff"', "submitter is"),
        ("2.54", "nan", r"telescope.aperture is nan"),
        ('"CCD"', '" "', r"telescope.detector is ' '"),
        ('"Gaia3"', '"Gaia DR3"', "star_catalogue is"),
        ('"Sr"', '"SDSS r"', r"bands.r is"),
        ("[bands]", "[band]", "has unknown band"),
        ("[bands]", "[bands", "is not TOML"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_key(was: str, now: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "who.toml"
    path.write_text(TOML.replace(was, now))
    with pytest.raises(InputError, match=problem):
        read_observatory(path)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_observatory(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not TOML"):
        read_observatory(tmp_path / "bytes.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * 200_000)
    with pytest.raises(InputError, match="larger than"):
        read_observatory(tmp_path / "large.toml")


@pytest.mark.parametrize(("metres", "text"), [(2.54, "2.54"), (99.9994, "99.999"), (0.001, "0.001"), (10, "10")])
def test_an_aperture_fits(metres: float, text: str) -> None:
    assert aperture_of({"design": "Reflector", "aperture": metres, "detector": "CCD"}) == text
