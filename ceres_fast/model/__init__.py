"""The classifier as a Keras model: stem, ImageNet backbone, head."""

from .. import tensorflow_quiet  # noqa: F401  (before Keras, which imports TensorFlow with its chatter)
