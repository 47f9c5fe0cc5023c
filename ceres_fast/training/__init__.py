"""Fitting a classifier to records."""
