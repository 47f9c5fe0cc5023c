"""A training as small as can be, with all that `train` has at the end of an epoch: to be stopped and resumed.

    python -m tests.training.small_run

reads lines of JSON, ``[STDOUT, STDERR, RUN, "new" or "resume", AT]``, carries out each in a process of its own, and
answers with how that ended, as `subprocess` says it. The processes are forked from this one, which has imported
TensorFlow and computed nothing: to import it takes longer than such a training.

AT says where it is to end: ``SIGKILL``, ``SIGTERM`` or ``SIGINT`` in the middle of an epoch, one of `DEATHS`, or
``after the last epoch``; nowhere where it is empty.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from ceres_fast.files import write_json
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.training import checkpoint as checkpoint_module
from ceres_fast.training.best_epoch import KeepBest, early_stopping
from ceres_fast.training.checkpoint import Checkpoint
from ceres_fast.training.report import Report
from ceres_fast.training.runs import CONFIG, METRICS, create_run, open_run, stoppable

import keras  # isort: skip  (after TensorFlow, which must be imported without its chatter)

EPOCHS, PATIENCE, BATCH, STAMPS = 12, 3, 16, 96
STOPPED_IN = 4
"""Epoch in the middle of which a signal comes."""


def network() -> keras.Model:
    """Return a classifier with a dropout layer and a layer that is frozen."""
    stamps = keras.Input((6,), name="stamps")
    frozen = keras.layers.Dense(8, activation="relu", trainable=False, name="frozen")(stamps)
    hidden = keras.layers.Dense(16, activation="relu", name="hidden")(frozen)
    kept = keras.layers.Dropout(0.5, name="dropout")(hidden)
    return keras.Model(stamps, keras.layers.Dense(2, activation="softmax", name="probabilities")(kept))


def compiled(optimizer: keras.optimizers.Optimizer | None = None) -> keras.Model:
    """Return the classifier with its first weights, to be fitted."""
    keras.utils.set_random_seed(3)
    model = network()
    metrics = ["accuracy", keras.metrics.Recall(class_id=1, name="recall")]
    rate = keras.optimizers.Adam(0.03)
    model.compile(optimizer or rate, "categorical_crossentropy", metrics=metrics, run_eagerly=True)
    return model


class Feed(keras.callbacks.Callback):
    """Stamps in an order that seed and epoch decide; their labels follow from them only roughly."""

    def __init__(self) -> None:
        super().__init__()
        random = np.random.default_rng(1)
        self.stamps = random.normal(size=(2 * STAMPS, 6)).astype(np.float32)
        labels = self.stamps[:, 0] + random.normal(size=2 * STAMPS) > 0
        self.labels = np.eye(2, dtype=np.float32)[labels.astype(int)]
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch

    def training(self) -> tf.data.Dataset:
        def batches() -> Any:
            order = np.random.default_rng((5, self.epoch)).permutation(STAMPS)
            for start in range(0, STAMPS, BATCH):
                chosen = order[start : start + BATCH]
                yield self.stamps[chosen], self.labels[chosen]

        kinds = (tf.TensorSpec((None, 6), tf.float32), tf.TensorSpec((None, 2), tf.float32))
        made = tf.data.Dataset.from_generator(batches, output_signature=kinds)
        return made.apply(tf.data.experimental.assert_cardinality(STAMPS // BATCH))

    def validation(self) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices((self.stamps[STAMPS:], self.labels[STAMPS:])).batch(STAMPS)


class Signal(keras.callbacks.Callback):
    """Send this process a signal in the middle of an epoch, after the checkpoint of the one before is written."""

    def __init__(self, number: int, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.number, self.checkpoint = number, checkpoint
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch + 1
        self.checkpoint._background.wait()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if (self.epoch, batch) == (STOPPED_IN, 2):
            os.kill(os.getpid(), self.number)


def _killed_at_call(name: str, call: int, *, after: bool) -> None:
    """Kill this process at a call of what `checkpoint` uses by this name."""
    function, calls = getattr(checkpoint_module, name), []

    def killed(*arguments: Any) -> None:
        calls.append(arguments)
        if after or len(calls) < call:
            function(*arguments)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(checkpoint_module, name, killed)


DEATHS = {
    "between variables and state": ("write_json", 3, False),
    "after the state": ("write_json", 3, True),
    "in the first epoch": ("save_values", 1, False),
}
"""When a process is killed that is writing its third (or first) checkpoint."""


def main(folder: Path, how: str, at: str = "") -> None:
    """Train, or go on with it."""
    tf.config.experimental.enable_op_determinism()
    feed, model = Feed(), compiled()
    if how == "new":
        run = create_run(folder, "small", 1)
        (run / CONFIG).write_text("")
    else:
        run = open_run(folder)
    report = Report(run, STAMPS, EPOCHS)
    best = KeepBest(run, lambda path: write_json(run / "classifier.json", {"weights": path.name}), model)
    stopping = early_stopping(PATIENCE)
    checkpoint = Checkpoint(run, report, best, stopping)
    callbacks: list[keras.callbacks.Callback] = [feed, report, best, stopping, checkpoint]
    if at in DEATHS:
        name, call, after = DEATHS[at]
        _killed_at_call(name, call, after=after)
    elif at.startswith("SIG"):
        callbacks.append(Signal(getattr(signal, at), checkpoint))
    with stoppable(run, report.where), checkpoint, report.bar:
        first = checkpoint.restore(model)
        print("first", first)
        model.fit(
            feed.training(),
            validation_data=feed.validation(),
            epochs=EPOCHS,
            initial_epoch=first,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
    if at == "after the last epoch":
        os.kill(os.getpid(), signal.SIGKILL)
    write_json(run / METRICS, {"best_epoch": best.best_epoch, "best": best.best, "waited": stopping.wait})
    checkpoint.remove()


def forked(out: str, errors: str, folder: str, how: str, at: str) -> int:
    """Carry out `main` in another process, and return how that ended."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        for number, path in ((1, out), (2, errors)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
        # What a shell starts in the background ignores SIGINT; here it is to be heard.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        main(Path(folder), how, at)
        status = 0
    except SystemExit as ended:
        status = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    for line in sys.stdin:
        print(forked(*json.loads(line)), flush=True)
