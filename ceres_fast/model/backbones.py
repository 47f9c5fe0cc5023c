"""The backbones (the four ImageNet ones of the paper, and StampNet) and the experiments, as tables.

Source: Bacu et al. 2023, doi 10.20944/preprints202308.0047.v1: its networks, bottleneck and unfrozen layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import CeresFastError
from ..libraries.tensorflow_quiet import keras
from ..stamps import STAMP_SIZE
from .stampnet import MEDIUM, SMALL


@dataclass(frozen=True)
class Nth:
    """The n-th layer of a kind (from 0), for layers that Keras names by a count over the whole process."""

    kind: type[keras.layers.Layer]
    number: int


LayerSpec = str | Nth

WEIGHTS = "https://storage.googleapis.com/tensorflow/keras-applications/"
"""Where Keras publishes ImageNet weights."""


@dataclass(frozen=True)
class Backbone:
    """A network, and of the ImageNet ones the layers at which the paper cuts them.

    Attributes
    ----------
    name : str
        Name on the command line and in files.
    application : callable
        Constructor, with the arguments of those in `keras.applications`.
    input_size : int
        Side to which stamps are scaled up, in pixels: the smallest input of the network.
    bottleneck : str, Nth or None
        Layer on which experiments 2 and 3 put the head; None: there are no such experiments.
    unfrozen_from : str, Nth or None
        First layer that experiment 3 trains.
    weights : str or None
        Where below `WEIGHTS` Keras publishes the ImageNet weights without the top; None: nobody publishes any.
    weights_md5 : str or None
        MD5 sum of that file, as Keras states it.
    """

    name: str
    application: Callable[..., keras.Model]
    input_size: int
    bottleneck: LayerSpec | None = None
    unfrozen_from: LayerSpec | None = None
    weights: str | None = None
    weights_md5: str | None = None

    @property
    def weights_url(self) -> str:
        """Address of the published weights, where there are any."""
        return WEIGHTS + (self.weights or "")

    @property
    def weights_file(self) -> str:
        """Name of the file of the published weights, where there are any."""
        return (self.weights or "").rpartition("/")[2]


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone(
            "inceptionv3",
            keras.applications.InceptionV3,
            75,
            "mixed2",
            "mixed0",
            "inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "bcbd6486424b2319ff4ef7d526e38f63",
        ),
        Backbone(
            "xception",
            keras.applications.Xception,
            71,
            Nth(keras.layers.Add, 1),  # add_1 in a fresh process
            "block3_sepconv1",
            "xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "b0042744bf5b25fce3cb969f33bebb97",
        ),
        Backbone(
            "inceptionresnetv2",
            keras.applications.InceptionResNetV2,
            75,
            "block35_10_mixed",
            "mixed_5b",
            "inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "d19885ff4a710c122648d3b5c3b684e4",
        ),
        Backbone(
            "resnet152v2",
            keras.applications.ResNet152V2,
            32,
            "conv3_block8_1_relu",
            "conv2_block3_2_conv",
            "resnet/resnet152v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "ed17cf2e0169df9d443503ef94b23b33",
        ),
        Backbone("stampnet", SMALL, STAMP_SIZE),
        Backbone("stampnet-m", MEDIUM, STAMP_SIZE),
    )
}

IMAGENET = {name: backbone for name, backbone in BACKBONES.items() if backbone.weights is not None}
"""Those of which ImageNet weights are published: the paper's."""


@dataclass(frozen=True)
class Experiment:
    """An experiment of the paper: where the head is put, and what is trained beside it."""

    number: int
    on_bottleneck: bool
    unfreezes: bool
    meaning: str


EXPERIMENTS = {
    experiment.number: experiment
    for experiment in (
        Experiment(1, False, False, "head on the whole frozen base"),
        Experiment(2, True, False, "head on the bottleneck of the frozen base"),
        Experiment(3, True, True, "head on the bottleneck, upper base layers trained too"),
    )
}


def find_layer(network: keras.Model, spec: LayerSpec) -> keras.layers.Layer:
    """Return the layer of `network` that `spec` names, no matter what was built before in this process.

    Raises
    ------
    CeresFastError
        When the network has no such layer: Keras has changed it, and the paper's cut is not where it was.
    """
    if isinstance(spec, Nth):
        layers = [layer for layer in network.layers if type(layer) is spec.kind]
        if spec.number < len(layers):
            return layers[spec.number]
    else:
        for layer in network.layers:
            if layer.name == spec:
                return layer
    raise CeresFastError(f"{network.name} of Keras {keras.__version__} has no layer {spec}. Install Keras 3.15.")
