"""FITS catalogues: which table is the catalogue, and every byte that need not change."""

import io

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceres_fast.catalogues import Names, column, positions, read_catalogue, write_catalogue
from ceres_fast.errors import InputError

N = 3


def table(name=None, x="X_IMAGE", y="Y_IMAGE"):
    columns = [fits.Column(each, "D", array=np.arange(1.0, N + 1)) for each in (x, y)]
    return fits.BinTableHDU.from_columns(columns, name=name)


def other(name=None):
    return fits.BinTableHDU.from_columns([fits.Column("FILTER", "D", array=np.arange(5.0))], name=name)


def written(path, *hdus, tail=b"", **how):
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, **how)
    path.write_bytes(path.read_bytes() + tail)
    return path


@pytest.mark.parametrize(
    ("hdus", "names"),
    [
        ([table()], Names()),
        ([table("CAT")], Names()),
        ([table("ldac_objects")], Names()),
        ([table("Objects"), table("CAT")], Names()),
        ([other("META"), table("CAT"), fits.ImageHDU(np.zeros((4, 4)))], Names()),
        ([fits.CompImageHDU(np.zeros((50, 50), np.int16), name="SCI"), table("CAT")], Names()),
        ([table("A", "xpos", "ypos"), other("B")], Names(x="XPOS", y="YPOS")),
        ([table("A", "x_image", "y_image"), table("B", "u", "v")], Names()),
        ([table("A", "XWIN_IMAGE", "YWIN_IMAGE"), other()], Names()),
    ],
)
def test_the_only_table_with_positions_is_the_catalogue(tmp_path, hdus, names):
    path = written(tmp_path / "F1.cat", *hdus)
    read = read_catalogue(path, names)
    assert positions(read)[0].tolist() == [1, 2, 3]
    write_catalogue(read, tmp_path / "out.cat", added={"P": np.array([0.5, np.nan, 0.25])})
    with fits.open(path) as old, fits.open(tmp_path / "out.cat") as new:
        assert [hdu.name for hdu in new] == [hdu.name for hdu in old]
        assert sum("P" in (hdu.columns.names if isinstance(hdu, fits.BinTableHDU) else []) for hdu in new) == 1
    assert column(read_catalogue(tmp_path / "out.cat", names), "P")[0] == 0.5


@pytest.mark.parametrize(
    ("hdus", "problem"),
    [
        ([table("A"), other("B"), table()], r"has 2 tables with positions: extensions 1 \(A\), 3 \(no name\)"),
        ([other("A"), other()], r"has 2 tables, none of which has positions: extensions 1 \(A\), 2 \(no name\)"),
        ([fits.ImageHDU(np.zeros((3, 3)))], "has no table"),
        ([], "has no table"),
    ],
)
def test_what_is_not_one_catalogue_is_named(tmp_path, hdus, problem):
    with pytest.raises(InputError, match=rf"F1\.cat: {problem}; expected .*--columns"):
        read_catalogue(written(tmp_path / "F1.cat", *hdus))


def test_a_table_without_positions_says_which_columns_it_has(tmp_path):
    read = read_catalogue(written(tmp_path / "F1.cat", other()))
    with pytest.raises(InputError, match=r"has no positions \(its columns: FILTER\)"):
        positions(read)


def twice(path, values=(20.0, 21.0)):
    """Write a catalogue with two columns MAG_AUTO, which astropy cannot make."""
    columns = [
        *table().columns,
        fits.Column("MAG_AUTO", "E", array=np.full(N, values[0])),
        fits.Column("MAG_AUTX", "E", array=np.full(N, values[1])),
    ]
    written(path, fits.BinTableHDU.from_columns(columns, name="LDAC_OBJECTS"))
    path.write_bytes(path.read_bytes().replace(b"'MAG_AUTX'", b"'MAG_AUTO'"))
    return path


def test_two_columns_of_one_name_are_refused_where_they_are_needed(tmp_path):
    read = read_catalogue(twice(tmp_path / "F1.cat"))
    assert positions(read)[0].tolist() == [1, 2, 3]
    with pytest.raises(InputError, match=r"F1\.cat: has 2 columns MAG_AUTO, which differ; .* Rename one of them"):
        column(read, "MAG_AUTO")
    assert column(read_catalogue(twice(tmp_path / "F2.cat", (20.0, 20.0))), "MAG_AUTO").tolist() == [20] * N
    write_catalogue(read, tmp_path / "out.cat", added={"P": np.zeros(N)})
    assert (tmp_path / "out.cat").read_bytes().count(b"'MAG_AUTO'") == 2


def every_kind():
    """Return columns of every kind that a binary table may have."""
    ragged = np.array([np.arange(2), np.arange(5), np.arange(0)], dtype=object)
    return [
        *table().columns,
        fits.Column("TRUTH", "L", array=np.array([1, 0, 1], bool)),
        fits.Column("UNSIGNED", "I", bzero=32768, array=np.array([1, 2, 65535], np.uint16)),
        fits.Column("SCALED", "E", bscale=0.5, bzero=3, array=np.array([4.0, 5, 6])),
        fits.Column("NULL", "K", null=-99, array=np.array([1, -99, 3])),
        fits.Column("TEXT", "8A", array=np.array(["a", "bb  ", ""])),
        fits.Column("COMPLEX", "C", array=np.array([1j, 2, 3])),
        fits.Column("BITS", "11X", array=np.ones((N, 11), bool)),
        fits.Column("VECTOR", "6I", dim="(2,3)", array=np.arange(18).reshape(N, 3, 2)),
        fits.Column("RAGGED", "PE()", array=ragged),
        fits.Column("LONG", "QJ()", array=ragged),
    ]


def as_text():
    return [
        fits.Column("X_IMAGE", "F10.4", array=np.array([1.5, 2.5, 3.5])),
        fits.Column("Y_IMAGE", "E15.7", array=np.array([1.5, np.nan, 2])),
        fits.Column("NULL", "I6", null="-99", array=np.array([1, -99, 2])),
        fits.Column("TEXT", "A5", array=np.array(["ab", "c", "d"])),
    ]


HDUS = {
    "binary": lambda: fits.BinTableHDU.from_columns(every_kind(), name="OBJECTS"),
    "text": lambda: fits.TableHDU.from_columns(as_text()),
}


def same(one, another):
    if one.dtype == object:
        return all(np.array_equal(*pair) for pair in zip(one, another, strict=True))
    if isinstance(one, np.ma.MaskedArray) and not np.array_equal(one.mask, another.mask):
        return False
    return np.ma.filled(one, 0).tobytes() == np.ma.filled(another, 0).tobytes()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(sorted(HDUS)),
    keep=st.lists(st.booleans(), min_size=N, max_size=N).filter(any),  # astropy reads no ragged column without rows
    sums=st.booleans(),
    tail=st.sampled_from([b"", b"\n", b"junk" * 1000]),
)
def test_columns_of_every_kind_stay_as_they_were(tmp_path, kind, keep, sums, tail):
    path, out, keep = tmp_path / "F1.cat", tmp_path / "out.cat", np.array(keep)
    written(path, other("A"), HDUS[kind](), other("B"), tail=tail, checksum=sums, overwrite=True)
    read = read_catalogue(path)
    assert read.table["NULL"].mask.tolist() == [False, True, False]
    write_catalogue(read, out)
    assert out.read_bytes() == path.read_bytes()
    added = {
        "P": np.array([0.1, np.nan, 1 / 3]),
        "F": np.array([0, -(2**31), 2**31 - 1], np.int32),
        "SHORT": np.array([1, 2, 3], np.int16),
        "SINGLE": np.array([0.5, np.nan, 2], np.float32),
        "WHICH": np.array([True, False, True]),
    }
    write_catalogue(read, out, added=added, keep=keep)
    assert out.read_bytes().endswith(tail)
    back = read_catalogue(out)
    assert back.table.colnames == [*read.table.colnames, *added]
    for name in read.table.colnames:
        assert same(read.table[name][keep], back.table[name]), name
    for name, values in added.items():
        np.testing.assert_array_equal(np.asarray(back.table[name], float), values[keep].astype(float))
    with fits.open(io.BytesIO(out.read_bytes().removesuffix(tail)), checksum=True) as hdus:
        hdus.verify("exception")
        assert hdus[1].data["FILTER"].tolist() == [0, 1, 2, 3, 4]


def test_descriptions_and_units_of_new_columns_are_written(tmp_path):
    for kind, make in HDUS.items():
        read = read_catalogue(written(tmp_path / f"{kind}.cat", make()))
        new = Table({"P": np.zeros(N)})["P"]
        new.description, new.unit = "probability", "mag"
        write_catalogue(read, tmp_path / f"{kind}-out.cat", added={"P": new})
        with fits.open(tmp_path / f"{kind}-out.cat") as hdus:
            number = hdus[1].columns.names.index("P") + 1
            assert hdus[1].header.comments[f"TTYPE{number}"] == "probability"
            assert hdus[1].header[f"TUNIT{number}"] == "mag"


def test_headers_that_break_the_standard_stay_as_they_were(tmp_path):
    path = written(tmp_path / "F1.cat", other(), table("OBJECTS"))
    odd = b"GCOUNT  =                    1 / n\xfcmber of groups"
    content = path.read_bytes()
    assert content.count(b"GCOUNT  =                    1 / number of groups") == 2
    path.write_bytes(content.replace(b"GCOUNT  =                    1 / number of groups", odd))
    write_catalogue(read_catalogue(path), tmp_path / "out.cat", added={"P": np.zeros(N)})
    assert (tmp_path / "out.cat").read_bytes().count(odd) == 2


def test_a_last_block_that_is_not_filled_and_one_that_is_cut(tmp_path):
    path = written(tmp_path / "F1.cat", table())
    whole = path.read_bytes()
    start = len(whole) - 2880
    path.write_bytes(whole[: start + N * 16])
    read = read_catalogue(path)
    write_catalogue(read, tmp_path / "out.cat", added={"P": np.arange(3.0)})
    assert column(read_catalogue(tmp_path / "out.cat"), "P").tolist() == [0, 1, 2]
    path.write_bytes(whole[: start + N * 16 - 1])
    with pytest.raises(InputError, match=r"F1\.cat"):
        read_catalogue(path)
