"""The classifier as a Keras model: stem, ImageNet backbone, head."""
