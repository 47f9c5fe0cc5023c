"""Any number of stamps, any batches, any engine: the same probabilities in the same order, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.engines.batches import BATCH, BatchedEngine
from ceres_fast.errors import InputError

from ..tiny_models import classifier


class Means(BatchedEngine):
    """P(asteroid) is the stamp's mean; notes the batches that it was given."""

    def __init__(self, **options: object) -> None:
        super().__init__(Path("means.engine"), classifier(), **options)  # type: ignore[arg-type]
        self.given: list[int] = []

    def _run(self, batch: np.ndarray) -> np.ndarray:
        assert batch.dtype == np.float32
        assert batch.flags.c_contiguous
        assert np.isfinite(batch).all()
        self.given.append(len(batch))
        mean = batch.mean(axis=(1, 2, 3), dtype=np.float64).astype(np.float32)
        return np.stack([1 - mean, mean], axis=1)


class Reusing(Means):
    """Returns the same buffer for each batch."""

    def _run(self, batch: np.ndarray) -> np.ndarray:
        if not hasattr(self, "buffer"):
            self.buffer = np.empty((512, 2), np.float32)
        self.buffer[:] = 7  # whoever kept the buffer sees this
        self.buffer[: len(batch)] = super()._run(batch)
        return self.buffer[: len(batch)]


def stamps(n: int) -> np.ndarray:
    return np.random.default_rng(n).uniform(0, 1, (n, 32, 32)).astype(np.float32)


@pytest.mark.parametrize("engine", [Means, Reusing])
@given(n=st.integers(0, 40), batch_size=st.integers(1, 50), sizes=st.sets(st.integers(1, 20), max_size=4))
def test_every_split_gives_every_stamp_its_own_answer(
    engine: type[Means], n: int, batch_size: int, sizes: set[int]
) -> None:
    made, pixels = engine(sizes=sizes), stamps(n)
    found = made.predict(pixels, batch_size, raw=True)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, pixels.mean(axis=(1, 2)), atol=1e-6)
    assert sum(made.given) >= n
    assert set(made.given) <= (sizes or set(range(1, batch_size + 1)))


def test_a_batch_is_padded_to_the_next_size_and_never_larger_than_the_largest() -> None:
    engine = Means(sizes=(8, 1, 4), batch_size=100)
    engine.predict(stamps(8 + 8 + 3), raw=True)
    engine.predict(stamps(1), raw=True)
    assert engine.given == [8, 8, 4, 1]


@pytest.mark.parametrize(
    ("batch_size", "expected"),
    [(1, [4] * 5), (7, [4] * 5), (8, [8, 8, 4]), (31, [8, 8, 4]), (32, [32]), (33, [32])],
)
def test_the_batch_size_bounds_what_is_padded_too(batch_size: int, expected: list[int]) -> None:
    engine = Means(sizes=(4, 8, 32))
    engine.predict(stamps(20), batch_size, raw=True)
    assert engine.given == expected


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (1, [1]),
        (2, [1, 1]),
        (30, [64]),
        (65, [64, 1]),
        (100, [64, 64]),
        (600, [64] * 10),
        (1000, [1024]),
        (1025, [1024, 1]),
    ],
)
def test_a_rest_is_padded_or_cut_whichever_is_cheaper(n: int, expected: list[int]) -> None:
    engine = Means(sizes=(1, 64, 1024), batch_size=1024)
    engine.predict(stamps(n), raw=True)
    assert engine.given == expected


def test_without_sizes_no_batch_is_padded() -> None:
    engine = Means()
    engine.predict(stamps(BATCH + 3), raw=True)
    assert engine.given == [BATCH, 3]


@pytest.mark.parametrize("engine", [Means, Reusing])
@pytest.mark.parametrize("sizes", [(), (4, 16)])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_gets_nan_and_never_reaches_the_runtime(
    engine: type[Means], sizes: tuple[int, ...], wrong: float
) -> None:
    pixels = stamps(7)
    expected = pixels.mean(axis=(1, 2))
    pixels[[0, 3, 6], 31, 5] = wrong
    before = pixels.copy()
    found = engine(sizes=sizes).predict(pixels, 3, raw=True)
    np.testing.assert_array_equal(np.isnan(found), [True, False, False, True, False, False, True])
    np.testing.assert_allclose(found[[1, 2, 4, 5]], expected[[1, 2, 4, 5]], atol=1e-6)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize(
    "pixels",
    [
        stamps(9)[:, ::-1],
        np.asfortranarray(stamps(9)),
        stamps(9).astype(np.float64),
        stamps(9).astype(">f4"),
        stamps(9)[..., None],
    ],
)
def test_any_layout_of_the_array(pixels: np.ndarray) -> None:
    expected = pixels.reshape(9, -1).mean(axis=1)
    np.testing.assert_allclose(Means().predict(pixels, 4, raw=True), expected, atol=1e-6)


def test_a_read_only_array_will_do() -> None:
    pixels = stamps(5)
    pixels[2, 0, 0] = np.nan
    pixels.setflags(write=False)
    assert np.isnan(Means(sizes=(8,)).predict(pixels, raw=True)).tolist() == [False, False, True, False, False]


class Answers(Means):
    """Gives what it is told to."""

    def __init__(self, output: np.ndarray, **options: object) -> None:
        super().__init__(**options)
        self.output = output

    def _run(self, batch: np.ndarray) -> np.ndarray:
        return self.output


@pytest.mark.parametrize("value", [-0.1, 1.1, np.inf, -np.inf])
def test_what_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(InputError, match=r"means\.engine: gave .* as a probability"):
        Answers(np.array([[0.5, 0.5], [0.5, value]], np.float32)).predict(stamps(2), raw=True)


def test_rounding_is_clipped_and_nan_of_the_model_stays() -> None:
    output = np.array([[0, 1.001], [1, -0.001], [0.5, np.nan]], np.float32)
    np.testing.assert_array_equal(Answers(output).predict(stamps(3), raw=True), np.array([1, 0, np.nan], np.float32))


def test_without_raw_it_is_what_is_written() -> None:
    engine = Answers(np.array([[0.9, 0.1], [0.5, 0.5], [0.5, np.nan]], np.float32))
    scaling = {"method": "temperature", "temperature": 2.0}
    engine.classifier = replace(engine.classifier, scaling=scaling)
    found = engine.predict(stamps(3))
    np.testing.assert_array_equal(found, [0.25, 0.5, np.nan])  # the odds of 0.1 are 1/9, and the root of that is 1/3
    assert found.dtype == np.float64
    np.testing.assert_array_equal(engine.predict(stamps(3), raw=True), np.float32([0.1, 0.5, np.nan]))


def test_what_stands_in_the_padding_does_not_matter() -> None:
    output = np.array([[0.25, 0.75], [np.nan, 9]], np.float32)
    np.testing.assert_array_equal(Answers(output, sizes=(2,)).predict(stamps(1), raw=True), np.float32([0.75]))


@pytest.mark.parametrize("shape", [(2,), (2, 3), (1, 2), (3, 2), (2, 2, 1)])
def test_outputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="gave an output of shape"):
        Answers(np.full(shape, 0.5, np.float32)).predict(stamps(2), raw=True)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batches_of_none_are_refused(batch_size: int) -> None:
    with pytest.raises(ValueError, match="expected a number from 1"):
        Means().predict(stamps(1), batch_size, raw=True)


@pytest.mark.parametrize(("sizes", "expected"), [((), [BATCH]), ((64, 1, 8), [1, 8, 64])])
def test_warming_up_runs_each_size_once_and_is_not_counted(sizes: tuple[int, ...], expected: list[int]) -> None:
    engine = Scaled(sizes=sizes)
    engine.warm_up()
    assert engine.given == expected
    assert engine.seconds == 0
    engine.predict(stamps(1), raw=True)
    assert engine.seconds > 0


class Scaled(Means):
    """For stamps in ADU, as those of the warm-up."""

    def _run(self, batch: np.ndarray) -> np.ndarray:
        return super()._run(batch / 65535)


def test_a_model_that_cannot_run_fails_while_it_warms_up() -> None:
    with pytest.raises(InputError, match="as a probability"):
        Answers(np.full((BATCH, 2), 5, np.float32)).warm_up()
