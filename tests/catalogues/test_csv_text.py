"""CSV as programs, spreadsheets and people write it: read, and written back as it was."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceres_fast import console
from ceres_fast.catalogues import column, positions, read_catalogue, write_catalogue
from ceres_fast.errors import InputError

FILES = {
    "pandas": b",X_IMAGE,Y_IMAGE,good\n0,1.5,2.5,True\n1,,4,False\n",
    "missing": b"X_IMAGE,Y_IMAGE,M\n1.5,2.5,NULL\n--,inf,N/A\n",
    "semicolons": b"X_IMAGE;Y_IMAGE\n1.5;2.5\n;4\n",
    "decimal commas": b"X_IMAGE;Y_IMAGE;N\r\n1,5;2,5;a,b\r\n;4;\r\n",
    "tabs": b"X_IMAGE\tY_IMAGE\n1.5\t2.5\nnan\t4\n",
    "blanks": b'X_IMAGE, Y_IMAGE, N\n 1.5, 2.5, "a, b"\n  , 4, c\n',
    "comments": b"# made, by me\n# on Tuesday\n\nX_IMAGE,Y_IMAGE\n1.5,2.5\n# between\n\n,4\n# end",
    "numpy": b"# X_IMAGE,Y_IMAGE\n1.5e0,2.5\nnan,4\n",
    "byte order mark": b"\xef\xbb\xbfX_IMAGE,Y_IMAGE\r\n1.5,2.5\r\n,4\r\n",
    "byte order mark before a quotation mark": b'\xef\xbb\xbf"X_IMAGE","Y_IMAGE","M, N"\r\n"1.5","2.5","a"\r\n,4,b\r\n',
    "byte order mark before what Excel writes": b"\xef\xbb\xbfsep=;\r\nX_IMAGE;Y_IMAGE\r\n1,5;2,5\r\n;4\r\n",
    "Excel": b"sep=;\r\nX_IMAGE;Y_IMAGE\r\n1,5;2,5\r\n;4\r\n",
    "no end": b"X_IMAGE,Y_IMAGE\n1.5,2.5\n,4",
    "old Macintosh": b"X_IMAGE,Y_IMAGE\r1.5,2.5\r,4\r",
    "DOS": b"X_IMAGE,Y_IMAGE\r\n1.5,2.5\r\n,4\r\n\x1a",
    "Latin-1": b"X_IMAGE,Y_IMAGE,N\n1.5,2.5,caf\xe9\n,4,b\n",
    "quoted": b'"X_IMAGE","Y_IMAGE","N"\n"1.5","2.5","a\n# b"\n"","4","say ""c"""\n',
    "a comma at the end": b"X_IMAGE,Y_IMAGE,\n1.5,2.5,\n,4,\n",
    "names": b"x_image,Y_Image\n1.5,2.5\n,4\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_what_is_there_is_read_and_stays(tmp_path, kind):
    content = FILES[kind]
    path, out = tmp_path / "F1.csv", tmp_path / "out.csv"
    path.write_bytes(content)
    read = read_catalogue(path)
    assert read.format == "CSV"
    np.testing.assert_array_equal(column(read, "X_IMAGE"), [1.5, np.nan])
    assert column(read, "Y_IMAGE")[0] == 2.5
    write_catalogue(read, out)
    assert out.read_bytes() == content
    write_catalogue(read, out, added={"P": np.array([0.25, 0.75]), "F": np.array([0, 8])})
    again = read_catalogue(out)
    assert again.table.colnames == [*read.table.colnames, "P", "F"]
    assert (column(again, "P").tolist(), column(again, "F").tolist()) == ([0.25, 0.75], [0, 8])
    old, new = content.replace(b"\r", b"\n").splitlines(), out.read_bytes().replace(b"\r", b"\n").splitlines()
    assert len(old) == len(new)
    assert all(after.startswith(before) for before, after in zip(old, new, strict=True))
    assert out.read_bytes().count(b"\r") == content.count(b"\r")
    assert out.read_bytes()[-1:] == content[-1:] or content[-1:].isalnum()
    write_catalogue(read, out, added={"P": np.array([0.25, 0.75])}, keep=np.array([False, True]))
    assert column(read_catalogue(out), "P").tolist() == [0.75]


def test_types(tmp_path):
    (tmp_path / "F1.csv").write_text(
        ",N,FLAGS,M,GOOD,MAYBE,NAME,NONE\n0,1,4,20.5,True,TRUE,a,\n1,2,,NaN,False,,nan,--\n2,3,1,<NA>,true,false,-,\n"
    )
    table = read_catalogue(tmp_path / "F1.csv").table
    assert table.colnames[0] == "COLUMN_1"
    assert [table[name].dtype.kind for name in table.colnames] == list("iiffbfUf")
    np.testing.assert_array_equal(table["FLAGS"], [4, np.nan, 1])
    np.testing.assert_array_equal(table["MAYBE"], [1, np.nan, 0])
    assert table["NAME"].tolist() == ["a", "nan", "-"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("X_IMAGE;Y_IMAGE\n1,5;2.5\n", "a decimal comma in column X_IMAGE and with a point in column Y_IMAGE"),
        ("X_IMAGE,Y_IMAGE\n1,5,2,5\n", "row 1: has 4 values; more than there are names.*Look at line 2"),
        ("X_IMAGE,Y_IMAGE,M\n# a\n1,2,3\n1\n", "row 2: has 1 values; the file may be cut off.*Look at line 4"),
        ("# a\n\n", "is in no known format"),
        ('{"a": 1, "b": 2}', "is in no known format"),
        ("<html>, a, b", "is in no known format"),
        (",0,1\n0,1,2\n", "is in no known format"),
        ("X" * 300_000 + ",Y_IMAGE\n1,2\n", "is in no known format"),
        ("X_IMAGE,Y_IMAGE\n" + "1" * 300_000 + ",2\n", "is not readable CSV"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, content, problem):
    (tmp_path / "F1.csv").write_text(content)
    with pytest.raises(InputError, match=rf"F1\.csv.*{problem}"):
        read_catalogue(tmp_path / "F1.csv")


def test_text_among_numbers_is_named_where_it_is_needed(tmp_path):
    (tmp_path / "F1.csv").write_text('X_IMAGE,Y_IMAGE\n1,2\n"12,5",4\n')
    with pytest.raises(InputError, match=r"F1\.csv, column X_IMAGE: does not hold numbers: '12,5' in row 2"):
        positions(read_catalogue(tmp_path / "F1.csv"))


def test_a_comment_that_may_be_a_detection_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(console, "_printed", set())
    (tmp_path / "F1.csv").write_text("NAME,X_IMAGE,Y_IMAGE\n# only, prose\n#1,1,2\nb,3,4\n#3,5,6\n")
    assert len(read_catalogue(tmp_path / "F1.csv").table) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "F1.csv, line 3 and 1 others: taken for a comment" in said


def test_rows_that_are_left_out_take_nothing_else_along(tmp_path):
    (tmp_path / "F1.csv").write_bytes(b'# a\r\nX,N\r\n1,"b\r\nc"\r\n# d\r\n2,e\r\n3,f')
    read = read_catalogue(tmp_path / "F1.csv")
    write_catalogue(read, tmp_path / "out.csv", added={"P": np.array([1, 2, 3])}, keep=np.array([False, True, False]))
    assert (tmp_path / "out.csv").read_bytes() == b"# a\r\nX,N,P\r\n# d\r\n2,e,2\r\n"


text = st.text(st.sampled_from("ab é#,;\t\"'\n"), max_size=4)
numbers = st.floats(-1e6, 1e6).map(repr) | st.sampled_from(["", "nan", "NULL", "--", "7", "-99"])


@st.composite
def files(draw):
    """A CSV in some dialect, and its numbers."""
    delimiter, end = draw(st.sampled_from(",;\t")), draw(st.sampled_from(["\n", "\r\n"]))
    rows = draw(st.lists(st.tuples(numbers, text, numbers), max_size=6))
    lines = [delimiter.join(["X_IMAGE", "N", "Y_IMAGE"])]
    for x, name, y in rows:
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(["", "# comment", "#"])))
        lines.append(delimiter.join([x, '"' + name.replace('"', '""').replace("\n", end) + '"', y]))
    mark = draw(st.sampled_from(["", "\ufeff", "# first\n", "\n"]))
    return mark + end.join(lines) + draw(st.sampled_from(["", end])), [(x, y) for x, _, y in rows]


def value(cell):
    return np.nan if cell in ("", "nan", "NULL", "--") else float(cell)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=files(), data=st.data())
def test_any_dialect_is_read_and_written_back(tmp_path, file, data):
    content, cells = file
    path, out = tmp_path / "F1.csv", tmp_path / "out.csv"
    path.write_bytes(content.encode())
    read = read_catalogue(path)
    for place, name in enumerate(("X_IMAGE", "Y_IMAGE")):
        np.testing.assert_array_equal(column(read, name), [value(row[place]) for row in cells])
    write_catalogue(read, out)
    assert out.read_bytes() == path.read_bytes()
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(cells), max_size=len(cells))), bool)
    write_catalogue(read, out, added={"P": np.arange(len(cells)) / 8}, keep=keep)
    again = read_catalogue(out)
    np.testing.assert_array_equal(column(again, "P"), (np.arange(len(cells)) / 8)[keep])
    np.testing.assert_array_equal(column(again, "X_IMAGE"), column(read, "X_IMAGE")[keep])
    names = [row.cells[1] for row, kept in zip(read.original.rows, keep, strict=True) if kept]
    assert [row.cells[1] for row in again.original.rows] == names
