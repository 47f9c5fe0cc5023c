"""The options of `ceres-fast train`, in the groups in which its help shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

DATA, NETWORK, FITTING, STEPS, SPEED = "Data and run", "Network", "Fitting", "Steps", "Speed"
AGAIN = "Several runs, again, or further"


def _option(panel: str, text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, **more)


def _number(panel: str, text: str, least: int, **more: Any) -> Any:
    return _option(panel, text, metavar="N", min=least, **more)


def _rate(panel: str, text: str, **more: Any) -> Any:
    return _option(panel, text, metavar="X", min=0, **more)


def _switch(panel: str, text: str, *, on: bool = False) -> Any:
    # Of a row as wide as --class-weights --no-class-weights <bool>, a narrow terminal shows only parts.
    return _option(panel, text, metavar="", show_default=on)


def _take_file(context: typer.Context, config: Path | None) -> Path | None:
    if config is not None and not context.resilient_parsing:
        from ..training.config import read_config

        options = read_config(config)
        # To typer, the experiments are a choice of words.
        words = {"experiment": str(options["experiment"])} if "experiment" in options else {}
        context.default_map = options | words
    return config


def _take_run(context: typer.Context, run: Any) -> Any:
    # Now, and told once: it is read more than once, and `latest` may name another run by then.
    if run is None or context.resilient_parsing:
        return run
    from ..artifact.latest import resolve

    return type(run)(resolve(Path(run)))


# --- Data and run
RecordsFolder = Annotated[Path, _option(DATA, "Folder of the records.", metavar="DIR")]
RunFolder = Annotated[
    Path | None,
    _option(DATA, "The run's directory; without it runs/<time>-<backbone>-experiment<n>.", metavar="DIR"),
]
OnError = Annotated[
    Literal["stop", "skip"], _option(DATA, "A damaged shard: stop with its name, or leave it out and say so.")
]
Seed = Annotated[int, _number(DATA, "Seed of everything random; the same seed gives the same result.", 0)]
TensorBoard = Annotated[bool, _switch(DATA, "Write logs for TensorBoard into the run (needs that package).")]

# --- Network
Backbone = Annotated[
    Literal["inceptionv3", "xception", "inceptionresnetv2", "resnet152v2", "all"],
    _option(
        NETWORK,
        "ImageNet network to build on: inceptionv3, xception, inceptionresnetv2, resnet152v2; all: a run of each.",
        metavar="NAME",
    ),
]
Experiment = Annotated[
    Literal["1", "2", "3"],
    _option(
        NETWORK,
        "The paper's: 1 head on the whole frozen base; 2 head on its bottleneck layer; 3 as 2 with some base layers "
        "trained.",
    ),
]
Weights = Annotated[
    str,
    _option(
        NETWORK,
        "First weights: imagenet (looked for in $CERES_FAST_WEIGHTS, in Keras's cache, then downloaded), none (from "
        "scratch, nothing is frozen), or a Keras weights file of the backbone without its top.",
        metavar="FROM",
    ),
]
Normalise = Annotated[
    Literal["minmax", "asinh"], _option(NETWORK, "Each stamp to [0, 1], or asinh((x - median) / MAD).")
]
Dense = Annotated[int, _number(NETWORK, "Units of the head's hidden layer.", 1)]
Dropout = Annotated[float, _rate(NETWORK, "Share of the hidden layer dropped.", max=0.99)]

# --- Fitting
Epochs = Annotated[int, _number(FITTING, "Passes over the training split, at most.", 1)]
Monitor = Annotated[
    Literal["val_loss", "val_accuracy", "val_recall", "val_auc"],
    _option(
        FITTING,
        "What tells the best epoch, which is kept: val_loss, val_accuracy, val_recall (of asteroids; 1 where all are "
        "called that) or val_auc.",
        metavar="NAME",
    ),
]
Patience = Annotated[int, _number(FITTING, "Epochs without a better one before stopping.", 1)]
Loss = Annotated[
    Literal["crossentropy", "focal"],
    _option(FITTING, "crossentropy, or focal: what is told apart already hardly counts.", metavar="NAME"),
]
ClassWeights = Annotated[
    bool, _switch(FITTING, "Both classes count alike in the loss, however many stamps each has.", on=True)
]
Augment = Annotated[
    str,
    _option(
        FITTING,
        "none, or with commas between: dihedral (8 flips and rotations), shift (whole pixels), noise.",
        metavar="HOW",
    ),
]

# --- Steps
BatchSize = Annotated[int, _number(STEPS, "Stamps per step.", 1)]
Optimizer = Annotated[
    Literal["adam", "adamw", "lamb"], _option(STEPS, "adam, adamw or lamb (for large batches).", metavar="NAME")
]
LearningRate = Annotated[float, _rate(STEPS, "Rate of the head, and of everything from scratch.")]
UnfrozenLearningRate = Annotated[float, _rate(STEPS, "Rate of the unfrozen layers of a pre-trained base.")]
Schedule = Annotated[
    Literal["constant", "cosine"],
    _option(STEPS, "The rates after the warm-up: constant, or along a cosine to 0.", metavar="NAME"),
]
WarmupEpochs = Annotated[int, _number(STEPS, "Epochs in which the rates rise from 0.", 0)]
WeightDecay = Annotated[float, _rate(STEPS, "Of adamw and lamb.")]
Average = Annotated[
    float,
    _option(STEPS, "Validate and keep a moving average of the weights with this momentum; 0: off.", metavar="X"),
]

# --- Speed
Precision = Annotated[
    Literal["float32", "mixed_float16", "mixed_bfloat16"],
    _option(SPEED, "Arithmetic of the network: float32, mixed_float16, mixed_bfloat16.", metavar="NAME"),
]
PrefixCache = Annotated[
    bool, _switch(SPEED, "Compute once what frozen layers make of each stamp, and keep it on disk.", on=True)
]
CacheDir = Annotated[str, _option(SPEED, "Folder of that cache (ceres-fast cache ls).", metavar="DIR")]
CacheHalf = Annotated[bool, _switch(SPEED, "Keep float16 there in place of float32: half the disk.")]
Jit = Annotated[bool, _switch(SPEED, "Compile the training step with XLA.")]
StepsPerExecution = Annotated[int, _option(SPEED, "Steps sent to the device at once; 0: chosen.", metavar="N")]
Deterministic = Annotated[bool, _switch(SPEED, "The same bits each time, by slower operations on a GPU.")]

# --- Several runs, again, or further
Config = Annotated[
    Path | None,
    _option(
        AGAIN,
        "Options from a TOML file, such as the config.toml of a run; the command line overrides it.",
        metavar="FILE",
        is_eager=True,
        callback=_take_file,
    ),
]
Resume = Annotated[
    Path | None,
    _option(
        AGAIN,
        "Go on with a run, or several, that were stopped; give nothing else.",
        metavar="RUN",
        callback=_take_run,
    ),
]
StartFrom = Annotated[
    str | None,
    _option(
        AGAIN,
        "Begin with the classifier of another run (another camera, older records), head included; the network is "
        "then what it is there.",
        "--from",
        metavar="RUN",
        callback=_take_run,
    ),
]
Seeds = Annotated[int, _number(AGAIN, "Runs with so many seeds, from --seed on: mean and spread of the results.", 1)]
