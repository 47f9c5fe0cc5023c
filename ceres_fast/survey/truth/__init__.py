"""Known asteroids: reading them from each format, where they are in an exposure, and which detections they are.

`core` reads a truth file through a table of formats, `tracks` predicts places, `match` and `flux` decide what a
detection is, `skybot` asks a service which asteroids are known in some frames.
"""

from .core import read_truth, write_truth
from .flux import set_aside_too_bright
from .match import REASONS, SET_ASIDE, Matches, match_known, set_aside_short_tracks
from .tracks import known_at

__all__ = [
    "REASONS",
    "SET_ASIDE",
    "Matches",
    "known_at",
    "match_known",
    "read_truth",
    "set_aside_short_tracks",
    "set_aside_too_bright",
    "write_truth",
]
