import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.synthetic.simulate.streams import stream


def test_a_stream_is_the_same_whenever_it_is_asked_for():
    first = stream(0, "F0001", "stars").uniform(size=5)
    stream(0, "F0001", "galaxies").uniform(size=5)
    assert np.array_equal(first, stream(0, "F0001", "stars").uniform(size=5))


@given(st.integers(0, 2**40), st.text(max_size=5), st.text(max_size=5))
def test_other_names_and_other_seeds_give_other_streams(seed, name, other):
    here = stream(seed, name).integers(2**62, size=3)
    assert np.array_equal(here, stream(seed, other).integers(2**62, size=3)) == (name == other)
    assert not np.array_equal(here, stream(seed + 1, name).integers(2**62, size=3))
    assert not np.array_equal(here, stream(seed, name, other).integers(2**62, size=3))


def test_values_stay_the_same_between_versions():
    assert stream(0, "F0001", "stars").integers(1000, size=4).tolist() == [894, 268, 350, 909]
