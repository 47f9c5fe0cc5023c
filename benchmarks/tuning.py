"""An epoch of `fit` with and without the tuning thread of `tf.data`, in turn.

python -m benchmarks.tuning --stamps 4096 --repeats 4
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.machine import command_line, write_result
from benchmarks.synthetic import write_stamps
from benchmarks.throughput import BATCH, FRACTIONS, compiled, frozen, measure
from ceres_fast.console import say
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model.backbones import IMAGENET
from ceres_fast.records.build import build_records
from ceres_fast.records.pipeline import stamp_dataset


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("--stamps", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--backbone", default="resnet152v2", choices=IMAGENET)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_stamps(folder / "stamps", given.stamps, seed=0)
        manifest = build_records([folder / "stamps"], folder / "records", fractions=FRACTIONS)
        model, count = compiled(frozen(given.backbone, 2)), manifest.count("train")
        untuned = stamp_dataset(manifest, "train", BATCH)
        tuning = tf.data.Options()
        tuning.autotune.enabled = True
        # TensorFlow tunes only where a step asks for it.
        same = untuned.map(lambda stamps, labels: (stamps, labels), num_parallel_calls=tf.data.AUTOTUNE)
        tuned = same.with_options(tuning)
        rates = measure(
            {
                "without tuning": lambda: model.fit(untuned, shuffle=False, verbose=0) and count,
                "with tuning": lambda: model.fit(tuned, shuffle=False, verbose=0) and count,
            },
            given.repeats,
        )
    medians = {task: float(np.median(each)) for task, each in rates.items()}
    what = {"unit": "stamps/s of fit, experiment 2", "backbone": given.backbone, "stamps": given.stamps, "seed": 0}
    write_result(given.output, {**what, "repeats": given.repeats, "median": medians, "all": rates})
    for task, rate in medians.items():
        say(f"{task}: {rate:,.0f} stamps/s")


if __name__ == "__main__":
    main()
