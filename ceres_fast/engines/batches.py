"""What all engines share: any number of stamps goes in, batches go through the runtime, probabilities come out.

Two numbers are called a probability: the network's own, and what a classifier's scaling and rounding make of it, which
is written and which thresholds are for. The second is meant wherever the first is not asked for (`raw`).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..artifact.classifier import Classifier
from ..artifact.products import in_words
from ..artifact.scaling import published
from ..errors import InputError

AUTO = "auto"
"""The provider that stands for the best one that starts."""

BATCH = 64
"""Stamps at a time where nothing else is said."""

BATCHES = (1, 64, 1024)
"""Batch sizes that a product is made fast for: one detection, a request, a night."""

GPU_SIZES = (1, 8, 64, 256, 1024)
"""Batch sizes on a GPU, where each new one costs a search for kernels: others are padded to the next of these."""

TILE = 8
"""Values that ONNX Runtime's functions take at a time on a CPU. The last ones of a batch that is no multiple of it are
computed one by one, and rounded otherwise: what is said of a stamp would depend, in the last digits, on how many others
there are, and an exposure that is classified again with its field would have other numbers."""

_RUN = 32
"""What a run on a GPU costs beside its rows, in rows: few of them leave most of a GPU idle. An estimate; it decides
only between padding a batch and cutting it."""

_ROUNDING = 2e-3
"""How far a float16 softmax may leave [0, 1]; anything farther is not a probability."""


class Engine(Protocol):
    """What every engine offers."""

    path: Path
    """The file that is run; errors name it."""

    classifier: Classifier
    """What the model says of itself."""

    runtime: str
    """What runs it, for people."""

    seconds: float
    """Time spent in `predict` so far."""

    @property
    def source(self) -> Path:
        """The ONNX file that says what is computed: its own, or that which the engine file was built from."""

    @property
    def threshold(self) -> float:
        """The probability from which on a stamp is called an asteroid, on the scale of what `predict` returns."""

    @property
    def operating_point(self) -> Mapping[str, Any] | None:
        """What is guaranteed at the threshold (`guarantee`); None where the classifier was not calibrated."""

    def predict(self, stamps: ArrayLike, batch_size: int | None = None, *, raw: bool = False) -> np.ndarray:
        """Return P(asteroid), float64 (n,), of raw stamps, (n, 32, 32, planes), axes (y, x, plane), in ADU.

        It is what `ceres-fast classify` writes, and what the classifier's threshold is compared with. With `raw` it is
        the network's own number, float32, before the classifier's scaling. Where the classifier takes one plane,
        (n, 32, 32) will do. `batch_size` bounds the memory; without it the engine's own is taken.
        """

    def warm_up(self) -> None:
        """Do now what the first runs would be slow for."""


def in_tiles(batch: np.ndarray) -> np.ndarray:
    """Return a batch whose last row is repeated until their number is a multiple of `TILE`."""
    return np.concatenate([batch, np.repeat(batch[-1:], -len(batch) % TILE, axis=0)]) if len(batch) % TILE else batch


def shared_out(batch: np.ndarray, threads: int) -> list[np.ndarray]:
    """Return a batch as parts for so many threads, or fewer: as equal as tiles allow."""
    tiled = in_tiles(batch)
    each = TILE * -(-len(tiled) // (TILE * threads))
    return [tiled[start : start + each] for start in range(0, len(tiled), each)]


def guarantee(operating_point: Mapping[str, Any] | None) -> str:
    """Return in words what is guaranteed of a classifier that drops what is below its threshold."""
    if operating_point is None:
        return "no guarantee applies, because it was not calibrated"
    by_field = operating_point.get("by") == "field"
    asteroids = "a field's asteroids, in the mean over fields," if by_field else "the asteroids"
    return (
        f"with a confidence of {operating_point['confidence']:g}, at most {operating_point['max_loss']:g} of "
        f"{asteroids} that are detected in {operating_point['needs']} exposures of a night or more are lost"
    )


class BatchedEngine(ABC):
    """An engine that runs batches: a subclass says how one batch is run, this class does the rest.

    Parameters
    ----------
    path : pathlib.Path
        The file that is run; errors name it.
    classifier : Classifier
        What the file says of itself.
    runtime : str, optional
        What runs it, for people: ``"ONNX Runtime 1.32.0, cuda"``.
    batch_size : int, default 64
        Stamps given to the runtime at a time unless `predict` is given another number.
    sizes : sequence of int, optional
        The only batch sizes that the runtime takes, or takes quickly: a batch is padded to the next of them, and is
        never larger than the largest. Empty: any size will do.

    Attributes
    ----------
    seconds : float
        Time spent in `predict` so far; `warm_up` is not counted.
    """

    def __init__(
        self,
        path: Path,
        classifier: Classifier,
        *,
        runtime: str = "",
        batch_size: int = BATCH,
        sizes: Sequence[int] = (),
    ) -> None:
        self.path = path
        self.classifier = classifier
        self.runtime = runtime or type(self).__name__
        self.batch_size = batch_size
        self.sizes = tuple(sorted(sizes))
        self.seconds = 0.0

    def __repr__(self) -> str:
        """Return what it is, what runs it and what is guaranteed, in two lines."""
        return (
            f"<{in_words(self.classifier)}, in {self.path} on {self.runtime};\n"
            f" threshold {self.threshold:g}: {guarantee(self.operating_point)}>"
        )

    @property
    def threshold(self) -> float:
        """The probability from which on a stamp is called an asteroid, on the scale of what `predict` returns."""
        return self.classifier.threshold

    @property
    def operating_point(self) -> Mapping[str, Any] | None:
        """What is guaranteed at the threshold (`guarantee`); None where the classifier was not calibrated."""
        return self.classifier.operating_point

    @property
    def source(self) -> Path:
        """The ONNX file that says what is computed."""
        return self.path

    @abstractmethod
    def _run(self, batch: np.ndarray) -> np.ndarray:
        """Return the output, (n, classes) float32, of a batch: (n, 32, 32, planes) float32, C-contiguous, finite.

        n is one of `sizes` where there are any, else at most the batch size. The batch may be a part of the caller's
        array, and is only read. The output is copied before the next batch is run, so that it may be a buffer that is
        used again. What goes wrong is an InputError.
        """

    def predict(self, stamps: ArrayLike, batch_size: int | None = None, *, raw: bool = False) -> np.ndarray:
        """Return the probability that each stamp holds an asteroid.

        Parameters
        ----------
        stamps : array_like
            Pixels in ADU, shape (n, 32, 32, planes), axes (y, x, plane), of any real type, computed with as float32;
            for one plane (n, 32, 32) as well. A masked pixel is NaN.
        batch_size : int, optional
            Stamps given to the runtime at a time, padding included: bounds the memory, and changes a result by no more
            than the rounding of sums in another order. Where there are `sizes`, the largest of them that is not above
            it is taken, or the smallest where all are. Without it the engine's own.
        raw : bool
            Return the network's own numbers, which the classifier's threshold is not for: what its products are
            compared by.

        Returns
        -------
        numpy.ndarray
            float64, shape (n,): what `ceres-fast classify` writes, scaled and rounded (`artifact.scaling.published`),
            so that ``predict(stamps) >= classifier.threshold`` says what it says. With `raw` float32. NaN for a stamp
            with a pixel that is not finite (it touches no other stamp), for one whose pixels are all the same (not with
            `raw`), and where the model gave none. (0,) for no stamps.

        Raises
        ------
        InputError
            When the model fails, or gives something that is not probabilities.
        ValueError
            When the stamps have another shape or hold no numbers, or the batch size is below 1.
        """
        started = time.perf_counter()
        pixels = self._shaped(stamps)
        size = self._largest(self.batch_size if batch_size is None else batch_size)
        cuts = self._cuts(len(pixels), size)
        result, whole = np.empty(len(pixels), np.float32), np.ones(len(pixels), bool)
        for cut in cuts:
            output = self._run(self._prepared(pixels[cut], whole[cut]))
            result[cut] = self._probability(output, cut.stop - cut.start)
        result[~whole] = np.nan
        if raw:
            answers = result
        else:
            answers = published(self.classifier.scaling, result)
            # Where all pixels are the same there is nothing to classify, whatever the network makes of a blank stamp.
            answers[pixels.min(axis=(1, 2, 3)) == pixels.max(axis=(1, 2, 3))] = np.nan
        self.seconds += time.perf_counter() - started
        return answers

    def warm_up(self) -> None:
        """Run a batch of each size once: a GPU's first run chooses kernels and takes memory, and is slow."""
        ramp = np.linspace(0, 1000, int(np.prod(self.classifier.stamp_shape)), dtype=np.float32)
        stamp = ramp.reshape(self.classifier.stamp_shape)
        for size in self.sizes or (self.batch_size,):
            self._probability(self._run(np.repeat(stamp[None], size, axis=0)), size)

    def _shaped(self, stamps: ArrayLike) -> np.ndarray:
        given = np.asanyarray(stamps)
        if given.dtype.kind not in "biuf":
            raise ValueError(f"stamps hold values of type {given.dtype}, expected real numbers")
        shape = (*given.shape, 1) if given.ndim == 3 else given.shape
        if shape[1:] != self.classifier.stamp_shape:
            expected = ", ".join(map(str, ("n", *self.classifier.stamp_shape)))
            raise ValueError(f"stamps have shape {given.shape}, not ({expected})")
        with np.errstate(over="ignore"):  # a float64 that float32 cannot hold is not finite, and gets NaN as such
            if isinstance(given, np.ma.MaskedArray):
                given = np.ma.filled(given.astype(np.float32), np.nan)
            return np.ascontiguousarray(given, np.float32).reshape(shape)

    def _largest(self, batch_size: int) -> int:
        if batch_size < 1:
            raise ValueError(f"the batch size is {batch_size}, expected a number from 1")
        if not self.sizes:
            return batch_size
        return max((size for size in self.sizes if size <= batch_size), default=self.sizes[0])

    def _cuts(self, count: int, size: int) -> list[slice]:
        """Cut stamps into batches of `size`, and the rest so that padding it costs least."""
        lengths = [size] * (count // size) + self._rest(count % size)
        ends = np.cumsum(lengths, dtype=int).tolist()
        return [slice(end - length, end) for length, end in zip(lengths, ends, strict=True)]

    def _rest(self, count: int) -> list[int]:
        """Return the batches of the last few stamps: all in one, or as many full ones of a size as there are."""
        ways = [[count]]
        ways += [[size] * (count // size) + [count % size] for size in self.sizes if size <= count]
        cheapest = min(ways, key=lambda way: sum(self._rows(length) + _RUN for length in way if length))
        return [length for length in cheapest if length]

    def _rows(self, count: int) -> int:
        """Return how many rows a batch has after padding."""
        return next((size for size in self.sizes if size >= count), count)

    def _prepared(self, batch: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """Return a batch as `_run` takes it, and note which of its stamps are finite.

        The others are blanked: what becomes of NaN differs between runtimes (a maximum may lose it).
        """
        whole[:] = np.isfinite(batch).all(axis=(1, 2, 3))
        rows = self._rows(len(batch))
        if rows == len(batch) and whole.all():
            return batch
        padded = np.zeros((rows, *batch.shape[1:]), np.float32)
        padded[: len(batch)][whole] = batch[whole]
        return padded

    def _probability(self, output: np.ndarray, count: int) -> np.ndarray:
        """Return P(asteroid) of the first `count` rows of an output, after checking that it is one."""
        expected = (self._rows(count), len(self.classifier.classes))
        if output.shape != expected:
            raise InputError(self.path, f"gave an output of shape {output.shape}", expected=f"{expected}")
        probability = output[:count, self.classifier.classes.index("asteroid")]
        wrong = (probability < -_ROUNDING) | (probability > 1 + _ROUNDING)
        if wrong.any():
            raise InputError(
                self.path,
                f"gave {probability[wrong][0]:g} as a probability",
                expected="values from 0 to 1",
                action="export it again, with its softmax",
            )
        return np.clip(probability, 0, 1)
