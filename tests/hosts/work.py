"""What is run on every host: commands in one process, each as `ceres-fast` would run it.

python -m tests.hosts.work WORK runs the commands of one of `WORKS` in the current folder, which holds what
`write_inputs` has made, and writes their exit statuses into ``statuses``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

NIGHT = "nuit ★ é"
"""A name that few terminals and locales can show."""

ONE = "★ é"
"""The same with one exposure, which is quicker."""

MODEL, STAMPS, SMALL = "réseau ★.onnx", "stamps", "small"
FEW = ("--max-loss", "0.9", "--confidence", "0.5")
"""A guarantee for which one asteroid is enough."""

# The paper's stem and head: of larger ones tf2onnx writes the nodes in an order that differs from process to process.
SMALL_RUN = ("--backbone", "xception", "--weights", "none", "--batch-size", "16", "--normalise", "minmax")
SMALL_RUN += ("--head", "paper", "--augment", "none")

WORKS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "core": (
        ("look", ONE),
        ("classify", ONE, "--model", MODEL, "--output", "classified é"),
        ("--help",),
        ("classify", "nowhere", "--model", MODEL),
        ("paint",),
    ),
    "all": (
        ("simulate", SMALL, "--small", "--fields", "1", "--held-out-fields", "0", "--exposures", "1"),
        ("detect", NIGHT, "--output", "detected", "--workers", "2"),
        ("look", NIGHT),
        ("inject", NIGHT, "--number", "2", "--magnitude", "17", "18", "--out", "injected"),
        ("build-records", STAMPS, "--records", "records é", "--workers", "2", "--shards", "2"),
        ("inspect", "records é"),
        ("train", "--records", "records é", "--run", "runs/é", "--epochs", "2", *SMALL_RUN, "--tensorboard"),
        ("evaluate", "runs/é", "--records", "records é"),
        ("calibrate", "runs/é", "--records", "records é", *FEW),
        ("compare", "runs/é", "runs/é", "--output", "compared"),
        ("card", "runs/é"),
        ("export", "runs/é", "--records", "records é"),
        ("classify", NIGHT, "--model", "runs/é/classifier.onnx", "--output", "classified é"),
        ("cache", "ls"),
        ("cache", "clear", "--all"),
        ("doctor", "runs/é/classifier.onnx"),
        ("demo", "--nonsense"),
        ("experiments", "--records", "nowhere"),
    ),
}


def write_inputs(folder: Path) -> None:
    """Write what the commands read: a night with catalogues, a classifier, stamps."""
    from ceres_fast.selection.rules import Rules

    from ..survey_files import write_field
    from ..tiny_models import classifier, peak_model, written
    from ..tiny_records import write_stamps

    folder.mkdir()
    written(folder, peak_model(classifier_json=classifier(rules=Rules().as_dict()).to_json())).rename(folder / MODEL)
    write_field(folder / NIGHT)
    write_field(folder / ONE, 1)
    write_stamps(folder / STAMPS)


def use_tiny_networks() -> None:
    """Have every classifier that is trained or loaded be a network of one convolution."""
    from ceres_fast.model import load
    from ceres_fast.training import assemble, start

    from ..tiny_networks import tiny_network

    for module in (assemble, start, load):
        module.build_model = tiny_network


def main() -> None:
    """Run the commands of a piece of work, and end with the sum of their statuses."""
    from ceres_fast.cli import main as ceres_fast

    statuses = []
    for arguments in WORKS[sys.argv[1]]:
        sys.argv[1:] = arguments
        try:
            ceres_fast()
            status = 0
        except SystemExit as ended:
            status = ended.code or 0
        if arguments[0] == "inspect":  # not before: the first command guards the output, as in any process
            use_tiny_networks()
        statuses.append(status)
        Path("statuses").write_text("".join(map(str, statuses)), encoding="utf-8")
    sys.exit(sum(statuses))


if __name__ == "__main__":
    main()
