"""What decides the layers of a classifier: options of `ceres-fast train` that a classifier on disk states too."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from .option import option

# Groups of the help, in the order in which it shows them.
DATA, NETWORK, FITTING, STEPS, SPEED = "Data and run", "Network", "Fitting", "Steps", "Speed"
AGAIN = "Several runs, again, or further"
PANELS = (DATA, NETWORK, FITTING, STEPS, SPEED, AGAIN)

# The names are stated here, because the tables that they are keys of import Keras; a test holds that both are the same.
BackboneName = Literal["inceptionv3", "xception", "inceptionresnetv2", "resnet152v2", "stampnet", "stampnet-m"]
ExperimentNumber = Literal[1, 2, 3]
Normalisation = Literal["minmax", "asinh", "noise"]
HeadName = Literal["paper", "pooled"]
Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]

PRECISIONS: tuple[str, ...] = get_args(Precision)
"""Keras dtype policies of backbone and head."""

LARGEST_HEAD = 65_536
"""Units of the hidden layer, at most: 256 times the usual number; the head of Xception then has 5 GB of weights."""

BACKBONE = option(
    "Network: stampnet or stampnet-m for the stamp as it is, from scratch; inceptionv3, xception, inceptionresnetv2 or "
    "resnet152v2, of ImageNet; all: a run of each of these four.",
    panel=NETWORK,
    metavar="NAME",
)


@dataclass(frozen=True)
class Architecture:
    """Everything that decides the layers of a classifier; what each field means is stated beside it."""

    backbone: Annotated[BackboneName, BACKBONE]
    experiment: Annotated[
        ExperimentNumber,
        option(
            "The paper's: 1 head on the whole frozen base; 2 head on its bottleneck layer; 3 as 2 with some base "
            "layers trained.",
            panel=NETWORK,
        ),
    ] = 2
    weights: Annotated[
        str,
        option(
            "First weights: imagenet (looked for in $CERES_FAST_WEIGHTS, in Keras's cache, then downloaded), none "
            "(from scratch, nothing is frozen), or a Keras weights file of the backbone without its top.",
            panel=NETWORK,
            metavar="FROM",
            expected="imagenet, none or the path of a weights file",
        ),
    ] = "imagenet"
    normalise: Annotated[
        Normalisation,
        option(
            "noise: in units of its noise, by a clipped asinh, and two more channels; minmax: to [0, 1], the paper's; "
            "asinh((x - median) / MAD).",
            panel=NETWORK,
        ),
    ] = "noise"
    head: Annotated[
        HeadName,
        option(
            "pooled: on averages and maxima of the feature maps, and on numbers measured on the stamp, fitted with "
            "defaults of its own (docs/guide.md); paper: on all of the maps.",
            panel=NETWORK,
        ),
    ] = "pooled"
    # Keras's dtype policy of backbone and head; the stem and the softmax stay float32.
    precision: Annotated[
        Precision,
        option("Arithmetic of the network: float32, mixed_float16, mixed_bfloat16.", panel=SPEED, metavar="NAME"),
    ] = "float32"
    dense: Annotated[
        int, option("Units of the head's hidden layer.", panel=NETWORK, metavar="N", ge=1, le=LARGEST_HEAD)
    ] = 256
    dropout: Annotated[
        float,
        option("Share of the hidden layer dropped in training.", panel=NETWORK, metavar="X", ge=0, le=0.99),
    ] = 0.5
