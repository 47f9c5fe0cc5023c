"""VOTables: what is not the new columns stays byte for byte."""

import gzip

import numpy as np
import pytest
from astropy.io.votable import tree
from astropy.table import Column, Table

from ceres_fast.catalogues import Names, column, positions, read_catalogue, write_catalogue
from ceres_fast.catalogues.static_sources import read_static
from ceres_fast.errors import InputError

SEXTRACTOR = """\
<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="file:///usr/share/source-extractor/source-extractor.xsl"?>
<VOTABLE version="1.1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:noNamespaceSchemaLocation="http://www.ivoa.net/xml/VOTable/v1.1">
<DESCRIPTION>produced by Source Extractor; caf\u00e9</DESCRIPTION>
<!-- VOTable description at http://www.ivoa.net/Documents/latest/VOT.html -->
<RESOURCE ID="Source Extractor" name="mef.fits">
 <COOSYS ID="J2000" equinox="J2000" epoch="J2000" system="ICRS"/>
 <TABLE ID="Source_List" name="mef.fits/out">
  <FIELD name="NUMBER" ucd="meta.record" datatype="int" unit="">
   <DESCRIPTION>Running object number</DESCRIPTION>
  </FIELD>
  <FIELD name="X_IMAGE" ucd="pos.cartesian.x" datatype="float" unit="pix"/>
  <FIELD name="Y_IMAGE" ucd="pos.cartesian.y" datatype="float" unit="pix"/>
  <FIELD name="FLUX_APER" ucd="phot.flux" datatype="float" unit="ct"/>
   <DATA><TABLEDATA>
    <TR><TD>         1</TD><TD>   136.8814</TD><TD>    21.5316</TD><TD>    23943.58      34948.2</TD></TR>
    <TR><TD>         2</TD><TD>   163.8356</TD><TD>    21.9242</TD><TD>    24050.05     34852.04</TD></TR>
    <TR><TD>         3</TD><TD>    18.7625</TD><TD>    25.1235</TD><TD>    33.78545     11.99121</TD></TR>
   </TABLEDATA></DATA>
 </TABLE>
<RESOURCE ID="MetaData" name="MetaData">
  <TABLE ID="Extension_Data" name="Extension_Data">
  <FIELD name="Extension" datatype="int"/>
   <DATA><TABLEDATA>
    <TR> <TD>1</TD></TR>
   </TABLEDATA></DATA>
  </TABLE>
  <RESOURCE ID="Config" name="Config">
   <PARAM name="Command_Line" datatype="char" arraysize="*" value="source-extractor a &lt; b"/>
  </RESOURCE>
</RESOURCE>
</RESOURCE>
</VOTABLE>
"""


ROWS = [line for line in SEXTRACTOR.splitlines() if line.strip().startswith("<TR><TD>")]
CELLS = ["<TD>0.5</TD><TD>0</TD>", "<TD>NaN</TD><TD>8</TD>"]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "F1.xml").write_text(SEXTRACTOR)
    return tmp_path / "F1.xml"


def test_vectors_of_sextractor_are_read(path):
    table = read_catalogue(path).table
    assert table["NUMBER"].tolist() == [1, 2, 3]
    assert table["X_IMAGE"].unit == "pix"
    np.testing.assert_allclose(table["FLUX_APER"][0], [23943.58, 34948.2], rtol=1e-6)


def test_what_was_there_stays(path, tmp_path):
    read = read_catalogue(path)
    write_catalogue(read, tmp_path / "same.xml")
    assert (tmp_path / "same.xml").read_bytes() == path.read_bytes()
    added = {"P": Column([0.5, np.nan, 0.25], description="P < 1 & more"), "F": np.array([0, 8, 1])}
    write_catalogue(read, tmp_path / "out.xml", added=added, keep=np.array([True, True, False]))
    old, new = SEXTRACTOR.splitlines(), (tmp_path / "out.xml").read_text().splitlines()
    changed = {line for line in old if line not in new}
    assert {line.split(">")[0].strip() for line in changed} == {"<TR"}
    rows = [line for line in new if line.strip().startswith("<TR><TD>")]
    assert rows[:2] == [row.replace("</TR>", cells + "</TR>") for row, cells in zip(ROWS[:2], CELLS, strict=True)]
    assert len(rows) == 2
    back = read_catalogue(tmp_path / "out.xml").table
    assert back.colnames == ["NUMBER", "X_IMAGE", "Y_IMAGE", "FLUX_APER", "P", "F"]
    np.testing.assert_array_equal(back["P"].filled(np.nan), [0.5, np.nan])
    assert back["P"].description == "P < 1 & more"
    assert back["F"].tolist() == [0, 8]
    astropys = Table.read(tmp_path / "out.xml", format="votable", table_id="Extension_Data")
    assert len(astropys) == 1


def test_all_rows_may_go(path, tmp_path):
    write_catalogue(read_catalogue(path), tmp_path / "out.xml", added={"P": np.zeros(3)}, keep=np.zeros(3, bool))
    assert len(read_catalogue(tmp_path / "out.xml").table) == 0


@pytest.mark.parametrize("kind", ["binary", "binary2"])
def test_binary_rows(tmp_path, kind):
    table = Table({"X_IMAGE": [1.0, 2.0], "Y_IMAGE": [3.0, 4.0], "NAME": ["a", "b"]})
    document = tree.VOTableFile.from_table(table)
    document.to_xml(str(tmp_path / "F1.vot"), tabledata_format=kind)
    assert b"<TD>" not in (tmp_path / "F1.vot").read_bytes()
    read = read_catalogue(tmp_path / "F1.vot")
    write_catalogue(read, tmp_path / "out.vot", added={"P": np.array([0.5, 0.25])}, keep=np.array([False, True]))
    back = read_catalogue(tmp_path / "out.vot").table
    assert [list(row) for row in back] == [[2.0, 4.0, "b", 0.25]]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("<TD>    21.5316</TD>", "<TD>x</TD>").replace("</TABLE>", ""),
        lambda text: text.replace("FIELD", "FELD"),
        lambda text: "<VOTABLE></VOTABLE>",
    ],
)
def test_broken_votables_are_named(path, spoil):
    path.write_text(spoil(SEXTRACTOR))
    with pytest.raises(InputError, match=r"F1\.xml: is not a readable VOTable"):
        read_catalogue(path)


OF_TABLES = """\
<?xml version="1.0"?>\r
<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE>
<TABLE name="meta"><FIELD name="KEY" datatype="char" arraysize="*"/>
<DATA><TABLEDATA><TR><TD>a</TD></TR><TR><TD>b c</TD></TR></TABLEDATA></DATA></TABLE>
<RESOURCE><TABLE><FIELD name="{x}" datatype="double"/><FIELD name="Y_IMAGE" datatype="float"/>
<FIELD name="MAG_AUTO" datatype="float"/><FIELD name="MAG_AUTO" datatype="float"/>
<FIELD name="FLAGS" datatype="short"><VALUES null="-32768"/></FIELD>
<DATA><TABLEDATA><TR><TD>1</TD><TD>2</TD><TD>-99</TD><TD>20</TD><TD>-32768</TD></TR>
<TR><TD></TD><TD>NaN</TD><TD/><TD/><TD></TD></TR>
<TR><TD>3</TD><TD>4</TD><TD>20</TD><TD>20</TD><TD>4</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE>
</RESOURCE></VOTABLE>
"""


@pytest.mark.parametrize(
    ("x", "names"), [("X_IMAGE", Names()), ("x_image", Names()), ("XPOS", Names(x="xpos", y="Y_IMAGE"))]
)
def test_the_table_with_positions_is_the_catalogue_and_null_is_unknown(tmp_path, x, names):
    (tmp_path / "F1.vot").write_bytes(OF_TABLES.format(x=x).encode())
    read = read_catalogue(tmp_path / "F1.vot", names)
    assert read.table.colnames == [x, "Y_IMAGE", "MAG_AUTO", "MAG_AUTO_COPY2", "FLAGS"]
    np.testing.assert_array_equal(positions(read), [[1, np.nan, 3], [2, np.nan, 4]])
    np.testing.assert_array_equal(column(read, "FLAGS"), [np.nan, np.nan, 4])
    with pytest.raises(InputError, match="has 2 columns MAG_AUTO, which differ"):
        column(read, "MAG_AUTO")
    write_catalogue(
        read, tmp_path / "out.vot", added={"P": np.array([0.5, 0.25, 0])}, keep=np.array([True, False, True])
    )
    again = read_catalogue(tmp_path / "out.vot", names)
    assert column(again, "P").tolist() == [0.5, 0]
    assert column(again, "FLAGS")[1] == 4
    meta = (tmp_path / "out.vot").read_bytes()
    assert b"<TR><TD>a</TD></TR><TR><TD>b c</TD></TR>" in meta
    assert meta.startswith(b'<?xml version="1.0"?>\r\n')


def test_several_tables_with_positions_are_refused(tmp_path):
    text = OF_TABLES.format(x="X_IMAGE")
    start, stop = text.index("<RESOURCE><TABLE>"), text.index("</RESOURCE>\n</RESOURCE>") + len("</RESOURCE>")
    (tmp_path / "F1.vot").write_text(text[:stop] + text[start:stop] + text[stop:])
    with pytest.raises(InputError, match=r"F1\.vot: has 2 tables with positions"):
        read_catalogue(tmp_path / "F1.vot")


ELSEWHERE = """\
<?xml version="1.0"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>
<FIELD name="ra" datatype="double" unit="deg"/><FIELD name="dec" datatype="double" unit="deg"/>
<DATA>{0}<STREAM {1} href="{2}"/>{3}</DATA></TABLE></RESOURCE></VOTABLE>
"""


@pytest.mark.parametrize("kind", ["BINARY", "BINARY2", 'FITS extnum="1"', 'PARQUET type="VOTable-remote-file"'])
@pytest.mark.parametrize("url", ["http://127.0.0.1:9/rows", "https://a.example/rows", "ftp://a.example/r", "file:///r"])
def test_rows_that_are_elsewhere_are_not_fetched(tmp_path, monkeypatch, kind, url):
    """astropy would ask whatever address a file names, and read other files of this machine."""
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("it was asked"))
    path = tmp_path / "c.vot"
    path.write_text(ELSEWHERE.format(f"<{kind}>", 'encoding="gzip"', url, f"</{kind.split()[0]}>"))
    for read in (lambda path: read_catalogue(path), read_static):
        with pytest.raises(InputError, match=r"c\.vot: .*at .*/r.*, from where nothing is fetched"):
            read(path)
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(InputError):  # whatever it is taken for
        read_static(path)
