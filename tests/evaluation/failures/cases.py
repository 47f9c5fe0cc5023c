"""Predictions to look for failures in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ceres_fast.evaluation.predictions import Predictions
from ceres_fast.stamps import stamp_table


def made(probabilities: Any, **known: Any) -> Predictions:
    """Predictions of these probabilities; columns that are not given hold "not known"."""
    table = stamp_table(np.zeros((len(probabilities), 32, 32), np.float32), **known)
    columns = {name: np.asarray(table[name]) for name in table.colnames if name != "stamp"}
    return Predictions(columns, np.asarray(probabilities, float), {"split": "test", "records": "stamps"})


def asteroids(found: Mapping[str, tuple[float, ...]], **known: Any) -> Predictions:
    """Predictions of asteroids by name, with a probability for each exposure; known: a value for each asteroid."""
    counts = [len(some) for some in found.values()]
    return made(
        np.concatenate([*found.values()]),
        label=1,
        designation=np.repeat([*found], counts),
        mjd=58782.9 + np.concatenate([np.arange(count) / 100 for count in counts]),
        **{name: np.repeat(values, counts) for name, values in known.items()},
    )


def survey(seed: int = 0, *, number: int = 300, others: int = 1500) -> Predictions:
    """A survey with 4 exposures of each asteroid, of which those fainter than 21 mag are lost half of the time."""
    random = np.random.default_rng(seed)
    magnitude = np.repeat(random.uniform(18, 22, number), 4)
    of_asteroid = np.where(magnitude > 21, random.choice([0.1, 0.9], 4 * number), 0.95)
    total = 4 * number + others
    label = np.repeat([1, 0], [4 * number, others])
    exposure = np.arange(total) % 4
    flags = random.choice([0, 0, 0, 1, 3, 16], total)
    return made(
        np.concatenate([of_asteroid, random.choice([0.05, 0.9], others, p=[0.9, 0.1])]),
        label=label,
        designation=np.where(label == 1, [f"A{row // 4:04d}" for row in range(total)], ""),
        frame=[f"F{row % 4}" for row in range(total)],
        row=np.arange(total) + 1,
        mjd=58782.9 + exposure / 100,
        magnitude=np.concatenate([magnitude, random.uniform(18, 22, others)]),
        rate=np.where(label == 1, np.resize(np.repeat(random.lognormal(-0.4, 0.3, number), 4), total), np.nan),
        exposure=60.0,
        pixel_scale=0.5,
        flags=flags,
        neighbour=random.exponential(15, total),
        padded=np.where(exposure == 1, 40, 0),
        seeing=np.array([1.1, 1.3, 1.2, 1.6])[exposure],
        ccd=random.choice(["1", "2", "10"], total),
        field=[f"F{row // 4 % 20:02d}" for row in range(total)],
        filter="r",
    )
