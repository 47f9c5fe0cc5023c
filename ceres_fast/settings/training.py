"""The options of `ceres-fast train`: what is built, how it is fitted, and which of them exclude each other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from ..errors import CeresFastError, OnError
from .architecture import AGAIN, BACKBONE, DATA, FITTING, SPEED, STEPS, Architecture, BackboneName
from .defaults import CHOSEN_EPOCHS, DEFAULTS, FEATURES_SEEN, STAMPS_SEEN, with_defaults
from .option import Option, check_options, option, options_of

Monitor = Literal["val_loss", "val_accuracy", "val_recall", "val_auc"]

ALL = "all"
"""In the place of a backbone: a series of runs, one or more of each."""

AUGMENTATIONS = ("dihedral", "shift", "noise")
"""In the order in which they are applied."""

VARIANTS = 8
"""Flips and rotations of a square; number 0 leaves it as it is."""

WEIGHT_DECAY = 0.004
"""Keras's default for AdamW."""

_FOLDER, _NAME, _N, _X = "DIR", "NAME", "N", "X"


def _names_augmentations(value: str) -> bool:
    names = value.split(",")
    return value == "none" or (len(set(names)) == len(names) and set(names) <= set(AUGMENTATIONS))


@dataclass(frozen=True)
class Settings(Architecture):
    """Settings of a training run: what is built, and how it is fitted. `Settings.of` has the defaults of each backbone.

    What the paper does not state is chosen here (docs/paper.md says which): optimiser, rates, batch, epochs, head.

    Raises
    ------
    CeresFastError
        When a value cannot be meant, or two contradict each other; it names the option and what is expected.
    """

    # Where it starts, beside `weights`
    start_from: Annotated[
        str | None,
        option(
            "Begin with the classifier of another run (another camera, older records), head included; the network is "
            "then what it is there.",
            panel=AGAIN,
            metavar="RUN",
            name="from",  # a word that Python keeps for itself
            expected="a run directory",
        ),
    ] = None

    # What is fitted, and how long
    batch_size: Annotated[int, option("Stamps per step.", panel=STEPS, metavar=_N, ge=1, le=65_536)] = 128
    epochs: Annotated[
        int,
        option(
            "Passes over the training split, at most; 0: chosen, the more the fewer stamps there are.",
            panel=FITTING,
            metavar=_N,
            ge=0,
            le=1_000_000,
        ),
    ] = 30
    patience: Annotated[
        int,
        option("Epochs without a better --monitor after which training stops.", panel=FITTING, metavar=_N, ge=1),
    ] = 5
    monitor: Annotated[
        Monitor,
        option(
            "What decides which epoch is the best, which is kept: val_loss, val_accuracy, val_recall (of asteroids; 1 "
            "where all are called that) or val_auc.",
            panel=FITTING,
            metavar=_NAME,
        ),
    ] = "val_loss"
    loss: Annotated[
        Literal["crossentropy", "focal"],
        option(
            "crossentropy, or focal: stamps that are classified well already hardly count.",
            panel=FITTING,
            metavar=_NAME,
        ),
    ] = "crossentropy"
    class_weights: Annotated[
        bool, option("Both classes count alike in the loss, however many stamps each has.", panel=FITTING)
    ] = True
    augment: Annotated[
        str,
        option(
            "none, or with commas between: dihedral (8 flips and rotations), shift (whole pixels), noise.",
            panel=FITTING,
            metavar="HOW",
            expected=f"none, or some of {', '.join(AUGMENTATIONS)} with commas (and no spaces) between",
            check=_names_augmentations,
        ),
    ] = "dihedral"
    seed: Annotated[
        int,
        option(
            "Seed of everything random; the same seed gives the same result.",
            panel=DATA,
            metavar=_N,
            ge=0,
            le=2**32 - 1,
        ),
    ] = 0

    # How the weights move
    optimizer: Annotated[
        Literal["adam", "adamw", "lamb"],
        option("adam, adamw or lamb (for large batches).", panel=STEPS, metavar=_NAME),
    ] = "adam"
    learning_rate: Annotated[
        float,
        option(
            "Rate of the head, and of everything from scratch.",
            panel=STEPS,
            metavar=_X,
            gt=0,
            expected="a number above 0",
        ),
    ] = 1e-3
    unfrozen_learning_rate: Annotated[
        float,
        option(
            "Rate of the unfrozen layers of a pre-trained base.",
            panel=STEPS,
            metavar=_X,
            gt=0,
            expected="a number above 0",
        ),
    ] = 1e-5
    schedule: Annotated[
        Literal["constant", "cosine"],
        option("The rates after the warm-up: constant, or along a cosine to 0.", panel=STEPS, metavar=_NAME),
    ] = "constant"
    warmup_epochs: Annotated[int, option("Epochs in which the rates rise from 0.", panel=STEPS, metavar=_N, ge=0)] = 0
    weight_decay: Annotated[
        float,
        option(
            "Share of a weight that adamw and lamb take away per step, times the rate.",
            panel=STEPS,
            metavar=_X,
            ge=0,
        ),
    ] = WEIGHT_DECAY
    average: Annotated[
        float,
        option(
            "Validate and keep a moving average of the weights with this momentum; 0: off.",
            panel=STEPS,
            metavar=_X,
            ge=0,
            lt=1,
            expected="a momentum from 0 (off) to below 1, such as 0.99",
        ),
    ] = 0.0

    # What changes the time it takes, and what is left to look at
    prefix_cache: Annotated[
        bool, option("Compute once what frozen layers make of each stamp, and keep it on disk.", panel=SPEED)
    ] = True
    cache_dir: Annotated[
        str,
        option("Folder of that cache (ceres-fast cache ls).", panel=SPEED, metavar=_FOLDER, expected="a folder"),
    ] = "cache"
    cache_half: Annotated[bool, option("Keep float16 there in place of float32: half the disk.", panel=SPEED)] = False
    jit: Annotated[bool, option("Compile the training step with XLA.", panel=SPEED)] = False
    steps_per_execution: Annotated[
        int, option("Steps sent to the device at once; 0: chosen.", panel=SPEED, metavar=_N, ge=0, le=10_000)
    ] = 0
    deterministic: Annotated[bool, option("The same bits each time, by slower operations on a GPU.", panel=SPEED)] = (
        False
    )
    tensorboard: Annotated[
        bool, option("Write logs for TensorBoard into the run (needs that package).", panel=DATA)
    ] = False

    def __post_init__(self) -> None:
        check_options(self)
        for contradicts, problem in CONTRADICTIONS:
            if contradicts(self):
                raise CeresFastError(problem)

    def for_stamps(self, count: int) -> "Settings":
        """Return the same settings with the number of epochs for so many training stamps, where it is to be chosen."""
        fewest, most = CHOSEN_EPOCHS
        head_only = self.pretrained and self.experiment != 3 and self.backbone not in DEFAULTS
        seen = FEATURES_SEEN if head_only else STAMPS_SEEN
        return self if self.epochs else replace(self, epochs=max(fewest, min(most, seen // count)))

    @classmethod
    def of(cls, backbone: BackboneName, **given: Any) -> "Settings":
        """Return the settings of a backbone: those that are given, the others with its defaults."""
        return cls(**with_defaults({"backbone": backbone, **given}, given))

    @property
    def augmentations(self) -> tuple[str, ...]:
        """What `augment` names, in the order in which it is applied."""
        return tuple(name for name in AUGMENTATIONS if name in self.augment.split(","))

    @property
    def variants(self) -> int:
        """Of how many flips and rotations each training stamp is shown one per epoch."""
        return VARIANTS if "dihedral" in self.augmentations else 1

    @property
    def cacheable(self) -> bool:
        """Whether a prefix cache is wanted and can hold all that becomes of a stamp before the first trained layer.

        Its eight flips and rotations can be kept; shifts and noise never come twice.
        """
        return self.prefix_cache and self.pretrained and set(self.augmentations) <= {"dihedral"}

    @property
    def pretrained(self) -> bool:
        """Whether training starts from weights that were trained before, so that the experiment's layers freeze."""
        return self.weights != "none" or self.start_from is not None


def _first_weights(backbone: str) -> str:
    return str(DEFAULTS.get(backbone, {}).get("weights", "imagenet"))


CONTRADICTIONS: tuple[tuple[Callable[[Settings], bool], str], ...] = (
    (
        lambda given: given.backbone in DEFAULTS and given.weights != "none" and given.start_from is None,
        "--weights: no weights of StampNet are published; it is trained from scratch, with --weights none (in Python, "
        "Settings.of has its defaults), or begins with the classifier of --from. ImageNet networks have weights: "
        "name one with --backbone.",
    ),
    (
        lambda given: given.backbone in DEFAULTS and given.experiment != 1,
        "--experiment: StampNet has no bottleneck layer. Leave it out, or name an ImageNet network with --backbone.",
    ),
    (
        lambda given: 0 < given.epochs <= given.warmup_epochs,
        "--warmup-epochs: expected fewer than --epochs, so that the rate is reached.",
    ),
    (
        lambda given: given.start_from is not None and given.weights != _first_weights(given.backbone),
        "--from and --weights: both say where the first weights come from. Leave one out.",
    ),
    (
        lambda given: given.cache_half and not given.cacheable,
        "--cache-half: there is nothing to halve without the prefix cache, which --no-prefix-cache, --weights none and "
        "the augmentations shift and noise exclude. Leave it out.",
    ),
    (
        lambda given: given.optimizer == "adam" and given.weight_decay != WEIGHT_DECAY,
        "--weight-decay: adam has none. Leave it out, or choose --optimizer adamw.",
    ),
)
"""Pairs that cannot both be meant, and what to say."""


@dataclass(frozen=True)
class RunOptions:
    """What a configuration file holds beside `Settings`: which records, and how many runs."""

    records: Annotated[
        Path, option("Folder of the records.", panel=DATA, metavar=_FOLDER, expected="a folder of records")
    ] = Path("records")
    on_error: Annotated[
        OnError, option("A damaged shard: stop with its name, or leave it out and say so.", panel=DATA)
    ] = "stop"
    seeds: Annotated[
        int,
        option(
            "Runs with so many seeds, from --seed on: mean and spread of the results.",
            panel=AGAIN,
            metavar=_N,
            ge=1,
            le=1000,
        ),
    ] = 1
    backbone: Annotated[Literal[BackboneName, "all"], BACKBONE] = "stampnet"


SETTINGS = options_of(Settings)
"""The options of one run."""

OPTIONS: Mapping[str, Option] = {
    **options_of(RunOptions),
    **{name: each for name, each in SETTINGS.items() if name != "backbone"},  # that of `RunOptions` may be all
}
"""What a configuration file may hold: the options of `ceres-fast train`, but for those that name another run."""
