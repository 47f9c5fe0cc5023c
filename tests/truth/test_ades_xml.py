"""ADES as XML: only what is in the file is read, and attacks are refused."""

import re

import pytest

from ceres_fast.errors import InputError
from ceres_fast.truth import read_truth
from ceres_fast.truth.ades_xml import rows
from ceres_fast.truth.found import UnusableError, observation

from .files import Row, xml

ROW = Row("A1", 60310.912345, 187.123456, -5.5)
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(12))


def test_every_observation_is_found_with_its_line():
    found = list(rows(xml([ROW, ROW._replace(name="B2")])))
    assert [each.place for each in found] == ["line 3", "line 4"]
    assert [observation(each.values).designation for each in found] == ["A1", "B2"]


def test_what_is_missing_is_named():
    (found,) = rows(xml([ROW]).replace("<dec>-5.500000</dec>", "").replace("<stn>950</stn>", "<!-- -->"))
    assert found.values == "has no dec, stn"


def test_other_kinds_are_no_positions():
    text = xml([ROW]).replace("</obsData>", "<radar><permID>433</permID></radar><offset/></obsData>")
    assert [each.values is None for each in rows(text)] == [False, True, True]


@pytest.mark.parametrize("prefix", ["", "a:"])
def test_a_namespace_does_not_matter(prefix):
    text = xml([ROW]).replace("</obsData>", "<radar/></obsData>")
    namespace = prefix.rstrip(":") and f":{prefix[:-1]}"
    text = text.replace("</", f"</{prefix}").replace("<ades ", f'<ades xmlns{namespace}="http://example.invalid/ades" ')
    text = re.sub(r"<(?=[a-zA-Z]+[ >/])", f"<{prefix}", text)
    position, radar = rows(text)
    assert (position.values, radar.values) == (next(rows(xml([ROW]))).values, None)


@pytest.mark.parametrize(
    "doctype",
    [
        f"<!DOCTYPE ades [{LAUGHS}]>",
        '<!DOCTYPE ades [<!ENTITY l11 SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE ades SYSTEM "http://example.invalid/ades.dtd">',
        '<!DOCTYPE ades [<!ATTLIST ades a CDATA "&l11;">]>',
    ],
)
def test_entities_are_refused(tmp_path, doctype):
    text = xml([ROW]).replace("?>\n", f"?>{doctype}\n", 1).replace(">A1<", ">&l11;<")
    (tmp_path / "truth.xml").write_text(text)
    with pytest.raises(InputError, match=r"truth\.xml.*(DOCTYPE|is not XML)"):
        read_truth(tmp_path / "truth.xml")


@pytest.mark.parametrize("first", ["VOTABLE", "html", "ades"])
def test_xml_without_an_observation_says_what_it_is(tmp_path, first):
    (tmp_path / "truth.xml").write_text(f'<{first} xmlns="http://example.invalid/x"><TABLE/></{first}>')
    with pytest.raises(InputError, match=rf"XML without an observation \(its first element is {first}\).*ADES"):
        read_truth(tmp_path / "truth.xml")


def test_a_broken_file_is_named_with_the_line(tmp_path):
    (tmp_path / "truth.xml").write_text(xml([ROW])[:-12])
    with pytest.raises(InputError, match=r"truth\.xml, line 4: is not XML"):
        read_truth(tmp_path / "truth.xml", on_error="skip")


def test_the_declared_encoding_does_not_matter(tmp_path):
    text = xml([ROW]).replace('"UTF-8"', '"ISO-8859-1"').replace("A1", "Å1")
    (tmp_path / "truth.xml").write_bytes(text.encode("latin-1"))
    assert read_truth(tmp_path / "truth.xml")["designation"].tolist() == ["Å1"]


def test_no_xml_at_all():
    with pytest.raises(UnusableError, match="is not XML"):
        list(rows("<"))
