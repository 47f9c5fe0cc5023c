"""Stamps whose first pixel says what a network answers, and engines that answer by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ceres_fast.artifact.classifier import Classifier
from ceres_fast.export.proof.stamps import Stamps

from ...tiny_models import classifier

EVENING = 58782.6
"""MJD in the night 20191026."""

Answer = Callable[[np.ndarray], np.ndarray]


def saying(asteroids: Sequence[Sequence[float]], others: Sequence[float] = (), split: str = "test") -> Stamps:
    """Return stamps of asteroids, each with the answers on its exposures of one night, and then of others."""
    owner = np.repeat(np.arange(len(asteroids)), [len(each) for each in asteroids])
    count = len(owner) + len(others)
    answers = np.array([*(value for each in asteroids for value in each), *others], np.float32)
    known = {
        "label": (np.arange(count) < len(owner)).astype(np.int64),
        "designation": np.array([f"A{number}" for number in owner] + [""] * len(others), np.str_),
        "mjd": EVENING + np.arange(count) / 10000,
        "padded": np.zeros(count, int),
    }
    pixels = np.broadcast_to(answers[:, None, None, None], (count, 32, 32, 1)).copy()
    return Stamps(pixels, known, split, "simulated", "0" * 64)


def said(pixels: np.ndarray) -> np.ndarray:
    """Return what stamps say, (n,): 0 or 1 beyond."""
    return np.clip(pixels[:, 0, 0, 0], 0, 1)


class Answering:
    """An engine that answers by a function of all stamps of a batch."""

    def __init__(self, answer: Answer = said, **described: object) -> None:
        self.classifier: Classifier = classifier(**described)
        self.seconds = 0.0
        self.answer = answer

    def predict(self, stamps: np.ndarray, batch_size: int = 64, *, raw: bool) -> np.ndarray:
        assert raw, "what the network says is what is proven"
        starts = range(0, len(stamps), batch_size)
        return np.concatenate([self.answer(stamps[start : start + batch_size]) for start in starts]).astype(np.float32)


def moved(changes: dict[float, float], answer: Answer = said) -> Answer:
    """Return what answers like `answer`, but for these answers others."""

    def changed(pixels: np.ndarray) -> np.ndarray:
        answers = answer(pixels).copy()
        for old, new in changes.items():
            answers[np.isclose(answers, old, atol=1e-9, rtol=1e-6)] = new
        return answers

    return changed
