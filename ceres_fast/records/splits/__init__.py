"""Which stamps must stay together, and which split each stamp goes to."""

from .divide import Division, divide
from .fractions import FRACTIONS, SPLITS, check_fractions, parse_fractions, split_groups
from .groups import Leak, group_stamps, leaks

__all__ = [
    "FRACTIONS",
    "SPLITS",
    "Division",
    "Leak",
    "check_fractions",
    "divide",
    "group_stamps",
    "leaks",
    "parse_fractions",
    "split_groups",
]
