"""A classifier on disk: what it is, how it is read, checked and updated, and which of its files are named how."""

CLASSIFIER_FILE = "classifier.json"
"""Name of the file in a run folder that describes its classifier."""
