"""What a training run is told, in one place: written into its directory, enough to repeat it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..errors import CeresFastError
from ..model.build import Architecture
from .augment import AUGMENTATIONS, VARIANTS
from .setting_checks import CHECKS, CONTRADICTIONS, WEIGHT_DECAY, option


@dataclass(frozen=True)
class Settings(Architecture):
    """Settings of a training run: what is built, and how it is fitted.

    What the paper does not state is chosen here (docs/paper.md says which): optimiser, rates, batch, epochs, head.

    Attributes
    ----------
    backbone, experiment, weights, normalise, precision, dense, dropout
        As in `Architecture`.
    start_from : str or None
        Run whose classifier, head included, gives the first weights; None starts as `weights` says.
    batch_size : int
        Stamps per step.
    epochs : int
        Passes over the training split, at most.
    patience : int
        Epochs without a better `monitor` after which training stops.
    monitor : {'val_loss', 'val_accuracy', 'val_recall', 'val_auc'}
        What tells the best epoch, which is kept.
    loss : {'crossentropy', 'focal'}
        Row of `losses.LOSSES`.
    class_weights : bool
        Whether both classes count alike in the training loss, however many stamps each has.
    augment : str
        ``none``, or some of ``dihedral``, ``shift`` and ``noise`` with commas between.
    seed : int
        Of the first weights, the shuffling, the augmentation and the dropout.
    optimizer : {'adam', 'adamw', 'lamb'}
        How the gradients are followed.
    learning_rate : float
        The optimiser's, for the head (and for everything when training from scratch).
    unfrozen_learning_rate : float
        The optimiser's, for the unfrozen layers of a pre-trained base.
    schedule : {'constant', 'cosine'}
        How the rates go on after the warm-up: they stay, or fall to 0 with the last epoch.
    warmup_epochs : int
        Epochs in which the rates rise from 0.
    weight_decay : float
        Share of a weight that AdamW and LAMB take away per step, times the learning rate; Adam has none.
    average : float
        Momentum of the moving average of the weights that is validated and kept; 0 keeps the weights themselves.
    prefix_cache : bool
        Whether what the frozen layers make of each stamp is computed once and kept on disk, where that can be:
        not when training from scratch, nor with ``shift`` or ``noise``.
    cache_dir : str
        Folder of that cache.
    cache_half : bool
        Whether the cache holds float16 also where the network computes in float32: half the disk.
    jit : bool
        Whether XLA compiles the training step.
    steps_per_execution : int
        Steps that go to the device at once; 0 lets the program choose.
    deterministic : bool
        Whether only operations are used that give the same bits each time (slower on a GPU).
    tensorboard : bool
        Whether logs for TensorBoard are written into the run directory.

    Raises
    ------
    CeresFastError
        When a value cannot be meant, or two contradict each other; it names the option and what is expected.
    """

    # Where it starts, beside `weights`
    start_from: str | None = None

    # What is fitted, and how long
    batch_size: int = 128
    epochs: int = 30
    patience: int = 5
    monitor: str = "val_loss"
    loss: str = "crossentropy"
    class_weights: bool = True
    augment: str = "none"
    seed: int = 0

    # How the weights move
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    unfrozen_learning_rate: float = 1e-5
    schedule: str = "constant"
    warmup_epochs: int = 0
    weight_decay: float = WEIGHT_DECAY
    average: float = 0.0

    # What changes the time it takes, and what is left to look at
    prefix_cache: bool = True
    cache_dir: str = "cache"
    cache_half: bool = False
    jit: bool = False
    steps_per_execution: int = 0
    deterministic: bool = False
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            check, value = CHECKS[field.name], getattr(self, field.name)
            if not check.allows(value):
                raise CeresFastError(f"{option(field.name)} {value}: expected {check.expected}.")
        for contradicts, problem in CONTRADICTIONS:
            if contradicts(self):
                raise CeresFastError(problem)

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
