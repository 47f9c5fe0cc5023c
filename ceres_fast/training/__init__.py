"""Fitting a classifier to records."""

from .. import tensorflow_quiet  # noqa: F401  (before Keras, which imports TensorFlow with its chatter)
