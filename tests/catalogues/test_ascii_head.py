"""ASCII_HEAD: whatever ends its lines and whatever stands between them, it is written back as it was."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceres_fast.catalogues import column, positions, read_catalogue, write_catalogue

FILES = {
    "CRLF": b"# 1 X_IMAGE\r\n# 2 Y_IMAGE\r\n1 2\r\n3 4\r\n",
    "CR": b"# 1 X_IMAGE\r# 2 Y_IMAGE\r1 2\r3 4\r",
    "no end": b"# 1 X_IMAGE\n# 2 Y_IMAGE\n1 2\n3 4",
    "byte order mark": b"\xef\xbb\xbf# 1 X_IMAGE\n# 2 Y_IMAGE\n1 2\n3 4\n",
    "comments": b"# my night, and yours\n# 1 X_IMAGE\n# 2 Y_IMAGE\n\n1 2\n# so far 12 detections\n3 4\n\n# end",
    "Latin-1": b"# 1 X_IMAGE caf\xe9\n# 2 Y_IMAGE\n1 2\n3 4\n",
    "UTF-8": "# 1 X_IMAGE µ\n# 2 Y_IMAGE\n1 2\n3 4\n".encode(),
    "DOS": b"# 1 X_IMAGE\r\n# 2 Y_IMAGE\r\n1 2\r\n3 4\r\n\x1a",
    "lower case": b"# 1 x_image\n# 2 y_image\n  1 2  \n\t3 4\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_what_is_there_is_read_and_stays(tmp_path, kind):
    path, out, content = tmp_path / "F1.cat", tmp_path / "out.cat", FILES[kind]
    path.write_bytes(content)
    read = read_catalogue(path)
    assert read.format == "ASCII_HEAD"
    assert [values.tolist() for values in positions(read)] == [[1, 3], [2, 4]]
    write_catalogue(read, out)
    assert out.read_bytes() == content
    write_catalogue(read, out, added={"P": np.array([0.25, 0.75])})
    again = read_catalogue(out)
    assert again.table.colnames == [*read.table.colnames, "P"]
    assert column(again, "P").tolist() == [0.25, 0.75]
    lines = [line for line in out.read_bytes().splitlines() if b"P" not in line]
    assert all(new.startswith(old) for old, new in zip(content.splitlines(), lines, strict=True))
    for end in (b"\r", b"\n"):
        assert out.read_bytes().count(end) == content.count(end) + (end in content)
    write_catalogue(read, out, added={"P": np.array([0.25, 0.75])}, keep=np.array([False, True]))
    assert column(read_catalogue(out), "P").tolist() == [0.75]


def test_a_header_alone_without_an_end(tmp_path):
    (tmp_path / "F1.cat").write_bytes(b"# 1 X_IMAGE\n# 2 Y_IMAGE")
    write_catalogue(read_catalogue(tmp_path / "F1.cat"), tmp_path / "out.cat", added={"P": np.empty(0)})
    assert (tmp_path / "out.cat").read_bytes().split() == b"# 1 X_IMAGE # 2 Y_IMAGE # 3 P".split()
    assert len((tmp_path / "out.cat").read_bytes().splitlines()) == 3


@pytest.mark.parametrize("missing", ["nan", "-nan", "INDEF", "--", "null", "N/A", "****"])
def test_numbers_that_are_missing(tmp_path, missing):
    (tmp_path / "F1.cat").write_text(f"# 1 X_IMAGE\n# 2 MAG_AUTO\n1 {missing}\n2 20.5\n")
    np.testing.assert_array_equal(column(read_catalogue(tmp_path / "F1.cat"), "MAG_AUTO"), [np.nan, 20.5])


def test_columns_of_one_name_are_both_there(tmp_path):
    (tmp_path / "F1.cat").write_text("# 1 X_IMAGE\n# 2 MAG_AUTO\n# 3 MAG_AUTO\n1 20 21\n")
    assert read_catalogue(tmp_path / "F1.cat").table.colnames == ["X_IMAGE", "MAG_AUTO", "MAG_AUTO_COPY2"]


def test_a_comment_with_a_1_before_csv_is_no_header(tmp_path):
    (tmp_path / "F1.cat").write_text("# 1 night of data\nX_IMAGE,Y_IMAGE\n1,2\n")
    assert read_catalogue(tmp_path / "F1.cat").format == "CSV"


def test_flags_that_no_integer_holds_are_numbers_all_the_same(tmp_path):
    (tmp_path / "F1.cat").write_text("# 1 X_IMAGE\n# 2 FLAGS\n1 1e30\n2 4\n")
    np.testing.assert_array_equal(column(read_catalogue(tmp_path / "F1.cat"), "FLAGS"), [np.nan, 4])


between = st.lists(st.sampled_from(["", "# comment", "#", "  ", "# up 7"]), max_size=2)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(between, st.floats(-1e6, 1e6), st.sampled_from(["20.5", "-99", "nan", "INDEF"])), max_size=5
    ),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    last=st.booleans(),
    data=st.data(),
)
def test_any_lines_are_written_back(tmp_path, rows, end, last, data):
    lines = ["# 1 X_IMAGE position [pixel]", "# 2 MAG_AUTO"]
    for comments, x, magnitude in rows:
        lines += [*comments, f"{x!r} {magnitude} "]
    path, out = tmp_path / "F1.cat", tmp_path / "out.cat"
    path.write_bytes((end.join(lines) + (end if last else "")).encode())
    read = read_catalogue(path)
    assert column(read, "X_IMAGE").tolist() == [x for _, x, _ in rows]
    write_catalogue(read, out)
    assert out.read_bytes() == path.read_bytes()
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), bool)
    write_catalogue(read, out, added={"P": np.arange(len(rows)) / 8}, keep=keep)
    again = read_catalogue(out)
    assert column(again, "P").tolist() == (np.arange(len(rows)) / 8)[keep].tolist()
    assert column(again, "X_IMAGE").tolist() == column(read, "X_IMAGE")[keep].tolist()
