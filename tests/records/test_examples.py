import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.records.examples import KINDS, described, parse, serialise
from ceres_fast.stamps import COLUMNS

from .conftest import some_columns

FLOATS = st.floats(allow_nan=True, allow_infinity=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def test_every_column_comes_back_exactly():
    columns = some_columns(7, mjd=60000.123456789012, ra=359.99999999999, designation="(1) Cérès", row=2**40, flags=-1)
    batch = tf.constant(list(serialise(columns, np.array([3, 0, 6]))))
    read = parse(batch, ("stamp", *KINDS))
    assert read["stamp"].shape == (3, 32, 32, 1)
    np.testing.assert_array_equal(read["stamp"].numpy(), columns["stamp"][[3, 0, 6]])
    for name, kind in KINDS.items():
        values = read[name].numpy()
        if kind is str:
            values = np.array([value.decode() for value in values])
        np.testing.assert_array_equal(values, columns[name][[3, 0, 6]], err_msg=name)


@pytest.mark.parametrize("planes", [1, 3])
@given(st.data(), FLOATS, st.integers(-(2**63), 2**63 - 1), TEXTS)
def test_any_values_come_back_exactly(planes, data, number, count, text):
    stamps = data.draw(arrays(np.float32, (2, 32, 32, planes), elements=st.floats(width=32)))
    columns = some_columns(2, rate=number, row=count, field=text)
    columns["stamp"] = stamps
    batch = tf.constant(list(serialise(columns, np.array([1]))))
    read = parse(batch, ("stamp", "rate", "row", "field"), (32, 32, planes))
    assert read["stamp"].numpy().tobytes() == stamps[1].tobytes()
    np.testing.assert_array_equal(read["rate"].numpy(), [number])
    assert read["row"].numpy() == [count]
    assert read["field"].numpy()[0].decode() == text


def test_more_rows_than_a_chunk_keep_their_order():
    columns = some_columns(10, row=np.arange(10))
    rows = np.arange(9000) % 10
    read = parse(tf.constant(list(serialise(columns, rows))), ["row"])
    np.testing.assert_array_equal(read["row"].numpy(), rows)


def test_big_endian_pixels_are_stored_little_endian():
    columns = some_columns(1)
    big = columns | {"stamp": columns["stamp"].astype(">f4")}
    assert list(serialise(columns, np.array([0]))) == list(serialise(big, np.array([0])))


def test_a_stamp_of_another_size_is_refused():
    example = tf.train.Example()
    example.features.feature["stamp"].bytes_list.value.append(bytes(2 * 4096))
    for planes in (1, 3):
        with pytest.raises(tf.errors.InvalidArgumentError):
            parse(tf.constant([example.SerializeToString()]), ["stamp"], (32, 32, planes))


def test_no_rows_give_no_records():
    assert list(serialise(some_columns(0), np.arange(0))) == []


def test_description_names_every_column():
    assert list(described()) == [column.name for column in COLUMNS]
    assert described()["mjd"] == {"type": "float", "unit": "d", "meaning": "middle of the exposure, MJD (UTC)"}
