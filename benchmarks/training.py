"""Wall time and validation loss of the paper's experiments, trained three ways on the same stamps of real records.

    python -m benchmarks.training --records RECORDS --stamps 20480 --epochs 20 --measured-epochs 2

For each row (backbone/experiment), one after the other, each in a process of its own:

- *(a) paper*: FITS stamps from the disk through a `keras.utils.PyDataset`, scaled up on the CPU; plain `fit`, Keras's
  Adam; the same layers frozen, class weights, batch size, learning rates and first weights as the others. float32.
- *(b) uncached*: this project's pipeline, ``--no-prefix-cache``.
- *(c) cold*: with the cache, which is computed in this run, *(c) warm*: again, with the cache that is there.

*Seconds* are the wall time from before the model is built until the classifier is on disk, for all epochs, validation
after each included; imports and writing the FITS files are not. Where (a), (b) or (c) warm would take longer than
``--slow`` seconds, fewer epochs are run (but ``--measured-epochs``), and the rest is extrapolated from the median of
the epochs after the first: ``extrapolated`` says where. Their validation loss is compared with that of (c) after as
many epochs. Which these are is estimated from the operations, and said first. (b) and (c) see the same batches; (a)
shuffles on its own, so its losses are those of another run. ``seconds_at_fastest`` is what a way would have taken at
its fastest epoch: without the naps of the thread that tunes Keras's own pipeline, which double epochs of (a).

*Bound*: the operations that the way must do at the peak of a matrix product, plus the bytes of the optimiser at the
bandwidth of memory (`benchmarks.bounds`); both are measured before each row, and the best of the run counts.
``share`` = bound / seconds; ``flop_share`` leaves out the optimiser; ``epoch_share`` is of an epoch after the first.

The result is written after each way; the same command goes on with what is missing in it, and with a larger ``--slow``
with what was cut short in it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks import paper_way
from benchmarks.bounds import Work
from benchmarks.machine import FOLDER, command_line
from benchmarks.measured import Measured, isolated, run_pipeline
from benchmarks.operations import Operations, classifier_operations
from benchmarks.peaks import measure
from benchmarks.subset import stamp_files, subset
from benchmarks.training_results import DTYPES, WAYS, Results, estimate
from benchmarks.weights import weights_of
from ceres_fast.console import say
from ceres_fast.model.backbones import EXPERIMENTS, IMAGENET
from ceres_fast.records.manifest import load_manifest
from ceres_fast.settings.architecture import PRECISIONS
from ceres_fast.settings.defaults import PAPER
from ceres_fast.settings.training import Settings

ROWS = [f"{backbone}/{experiment}" for backbone in ("xception", "inceptionv3") for experiment in EXPERIMENTS]
ALL_ROWS = [f"{backbone}/{experiment}" for backbone in IMAGENET for experiment in EXPERIMENTS]


def main() -> None:
    given = parser().parse_args()
    folder = given.folder
    records = folder / f"records-{given.stamps}"
    files = isolated(prepare, given.records, records, given.stamps, folder / f"stamps-{given.stamps}")
    manifest = load_manifest(records)
    work = Work(manifest.count("train"), manifest.count("validation"), given.epochs)
    settings, counted = isolated(plan, given)
    results = Results(given.output, work, vars(given))
    todo = {name: {way: epochs_of(way, counted[name], work, given) for way in given.ways} for name in given.rows}
    announce(todo, counted, work)
    for name, epochs in todo.items():
        if results.lacks(name, epochs):
            dtypes = tuple(dict.fromkeys(("float32", DTYPES[given.precision])))  # (a) is float32
            peaks = isolated(partial(measure, 0.5, jit=given.jit, dtypes=dtypes))
            results.start(name, counted[name], settings[name], peaks)
        for way, run in epochs.items():
            if results.lacks(name, {way: run}):
                say(f"{name}: {way}, {run} epochs")
                chosen = replace(settings[name], epochs=run, patience=given.epochs)
                results.add(name, way, RUN[way](files, records, chosen, folder))
    results.show()


def prepare(whole: Path, records: Path, stamps: int, folder: Path) -> paper_way.Files:
    return stamp_files(subset(whole, records, {"train": stamps}), folder)


def plan(given: argparse.Namespace) -> tuple[dict[str, Settings], dict[str, Operations]]:
    """Return settings and operations of the rows."""
    settings = {name: settings_of(name, given) for name in given.rows}
    return settings, {
        name: classifier_operations(each.backbone, each.experiment, each.weights) for name, each in settings.items()
    }


def settings_of(name: str, given: argparse.Namespace) -> Settings:
    backbone, experiment = name.split("/")
    return Settings(
        backbone,
        int(experiment),
        weights_of(backbone, given.folder),
        precision=given.precision,
        seed=given.seed,
        jit=given.jit,
        steps_per_execution=given.steps_per_execution,
        cache_dir=str(given.folder / "cache" / name.replace("/", "-")),
        **PAPER,
    )


def epochs_of(way: str, counted: Operations, work: Work, given: argparse.Namespace) -> int:
    """Return how many epochs of a way are run: all, or as many as fit into the time that it may take."""
    if not WAYS[way].may_be_short:
        return work.epochs
    fitting = int(work.epochs * given.slow / estimate(counted, work, way))
    return min(work.epochs, max(given.measured_epochs, fitting))


def announce(todo: dict[str, dict[str, int]], counted: dict[str, Operations], work: Work) -> None:
    total = 0.0
    for name, ways in todo.items():
        for way, epochs in ways.items():
            seconds = estimate(counted[name], replace(work, epochs=epochs), way)
            total += seconds
            say(f"{name}: {way}, {epochs} of {work.epochs} epochs, about {seconds:,.0f} s")
    say(f"about {total / 60:,.0f} minutes, estimated from the operations", "bold")


def _paper(files: paper_way.Files, records: Path, settings: Settings, folder: Path) -> Measured:
    return isolated(paper_way.train, files, replace(settings, precision="float32"))


def _pipeline(files: paper_way.Files, records: Path, settings: Settings, folder: Path) -> Measured:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        return isolated(run_pipeline, records, settings, Path(name) / "run")


def _uncached(files: paper_way.Files, records: Path, settings: Settings, folder: Path) -> Measured:
    return _pipeline(files, records, replace(settings, prefix_cache=False), folder)


def _cold(files: paper_way.Files, records: Path, settings: Settings, folder: Path) -> Measured:
    shutil.rmtree(settings.cache_dir, ignore_errors=True)
    return _pipeline(files, records, settings, folder)


def _warm(files: paper_way.Files, records: Path, settings: Settings, folder: Path) -> Measured:
    if not Path(settings.cache_dir).is_dir():
        raise SystemExit(f"{settings.cache_dir}: the cache is gone; measure 'c cold' again, with another --output")
    return _pipeline(files, records, settings, folder)


RUN: dict[str, Callable[..., Measured]] = {
    "a paper": _paper,
    "b uncached": _uncached,
    "c cold": _cold,
    "c warm": _warm,
}


def parser() -> argparse.ArgumentParser:
    made = command_line(__file__, __doc__)
    made.add_argument("--records", type=Path, required=True, help="folder of records to take stamps from")
    made.add_argument("--stamps", type=int, default=20480, help="training stamps (default 20480)")
    made.add_argument("--epochs", type=int, default=20)
    made.add_argument(
        "--measured-epochs", type=int, default=2, help="at the least, of what is cut short (default 2; 2 or more)"
    )
    made.add_argument("--slow", type=float, default=60, help="seconds after which a run is cut short (default 60)")
    made.add_argument("--rows", nargs="*", default=ROWS, choices=ALL_ROWS, metavar="BACKBONE/EXPERIMENT")
    made.add_argument("--ways", nargs="*", default=list(WAYS), choices=WAYS)
    made.add_argument("--precision", default="float32", choices=PRECISIONS, help="of (b) and (c)")
    made.add_argument("--jit", action="store_true", help="(b), (c) and the peak compiled by XLA")
    made.add_argument("--steps-per-execution", type=int, default=0, help="of (b) and (c); 0: the program chooses")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--folder", type=Path, default=FOLDER, help="for work")
    return made


if __name__ == "__main__":
    main()
