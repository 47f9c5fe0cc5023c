"""The four ImageNet backbones and the paper's three experiments, as tables.

Source: Bacu et al. 2023, doi 10.20944/preprints202308.0047.v1: its networks, bottleneck and unfrozen layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import CeresFastError
from ..tensorflow_quiet import keras


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
    """An ImageNet network, and the layers at which the paper cuts it.

    Attributes
    ----------
    name : str
        Name on the command line and in files.
    application : callable
        Constructor in `keras.applications`.
    input_size : int
        Side to which stamps are scaled up, in pixels: the smallest input of the network.
    bottleneck : str or Nth
        Layer on which experiments 2 and 3 put the head.
    unfrozen_from : str or Nth
        First layer that experiment 3 trains.
    weights : str
        Where below `WEIGHTS` Keras publishes the ImageNet weights without the top.
    weights_md5 : str
        MD5 sum of that file, as Keras states it.
    """

    name: str
    application: Callable[..., keras.Model]
    input_size: int
    bottleneck: LayerSpec
    unfrozen_from: LayerSpec
    weights: str
    weights_md5: str

    @property
    def weights_url(self) -> str:
        """Address of the published weights."""
        return WEIGHTS + self.weights

    @property
    def weights_file(self) -> str:
        """Name of the file of the published weights."""
        return self.weights.rpartition("/")[2]


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
    )
}


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
