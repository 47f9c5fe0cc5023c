"""ceres-fast: tell asteroids from everything else in telescope frames."""

__version__ = "0.1.0"
