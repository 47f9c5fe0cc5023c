"""Two devices train as one does at the same batch size; in a process of its own, where the CPU is split in two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = [(61, 13), (5, 3), (49, 1)]
"""Stamps of training and validation at 16 stamps per batch: last batches of any size, and of one stamp."""

TRAIN = """
import json, sys
from ceres_fast.libraries.tensorflow_quiet import tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from ceres_fast.training.optimisation import ValidateAveraged
from ceres_fast.training.devices import describe, replicas, strategy
from ceres_fast.training.feed.feed import fits_on_device
from ceres_fast.training.optimisation import build_optimizer
from ceres_fast.settings.training import Settings
from tests.training.feed.held_rows import HeldRows
from tests.training.tiny_trainers import CUT, fit, metrics, suffix, trainer

SETTINGS = Settings("xception", learning_rate=0.1, average=0.8)

def history(strategy, counts):
    with strategy.scope():
        made = trainer(suffix(0), *(HeldRows(count, CUT) for count in counts))
        made.compile(build_optimizer(SETTINGS, [], 1), "categorical_crossentropy", metrics=metrics())
        return fit(made, epochs=3, callbacks=[ValidateAveraged()])

one, two = tf.distribute.get_strategy(), strategy()
with two.scope():
    found = {"devices": describe(), "replicas": replicas(), "on_device": fits_on_device(HeldRows(1))}
found["histories"] = [[history(each, counts) for each in (one, two)] for counts in json.loads(sys.argv[1])]
print(json.dumps(found))
"""


@pytest.mark.slow
def test_two_devices_train_as_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, json.dumps(CASES)],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["devices"], found["replicas"], found["on_device"]) == ("2 x CPU", 2, False)
    for case, (one, two) in zip(CASES, found["histories"], strict=True):
        for name, values in one.items():
            assert two[name] == pytest.approx(values, rel=1e-5, abs=1e-6), (case, name)
