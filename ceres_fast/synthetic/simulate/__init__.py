"""A survey to try everything on: frames of an INT/WFC-like CCD, and the truth of the asteroids in them."""

from .survey import simulate_survey

__all__ = ["simulate_survey"]
