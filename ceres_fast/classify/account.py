"""The account of one call of `classify`: what became of every file that was found, and that the sum is right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

CLASSIFIED, PASSED_ON, KEPT = "classified", "passed on unfiltered", "kept as an earlier run classified them"
NO_CATALOGUE, SAME_CATALOGUE, UNREADABLE = "without a catalogue", "with the catalogue of another", "unreadable folders"

GOES_ON = (CLASSIFIED, PASSED_ON, KEPT)
"""What becomes of files whose detections are in the output; whatever else becomes of one, it is left out."""


@dataclass
class Account:
    """The files that were found, and what became of each; they are entered independently of each other.

    Attributes
    ----------
    found : collections.Counter of pathlib.Path
        FITS files, catalogues whose frame is not there, and folders that cannot be read.
    fates : dict of pathlib.Path to str
        One of `GOES_ON`, or why a file is left out.
    """

    found: Counter[Path] = field(default_factory=Counter)
    fates: dict[Path, str] = field(default_factory=dict)

    def put(self, path: Path, fate: str) -> None:
        """Enter what became of a file; a second entry is one too many, and makes the sum wrong."""
        if path in self.fates:
            self.found[path] -= 1
        self.fates[path] = fate

    @property
    def counts(self) -> Counter[str]:
        """How many files had each fate."""
        return Counter(self.fates.values())

    def __str__(self) -> str:
        """Return the account in words."""
        counts = self.counts
        parts = [f"{counts[fate]} {fate}" for fate in GOES_ON if counts[fate] or fate == CLASSIFIED]
        reasons = [f"{count} {why}" for why, count in sorted(counts.items()) if why not in GOES_ON]
        left_out = sum(count for why, count in counts.items() if why not in GOES_ON)
        parts.append(f"{left_out} left out" + (f" ({', '.join(reasons)})" if reasons else ""))
        return f"files found: {self.found.total()} = {' + '.join(parts)}"

    def check(self) -> None:
        """Make sure that one thing became of every file that was found.

        Raises
        ------
        AssertionError
            When that is not so: a fault of this package. The tables are written by then.
        """
        known = Counter(self.fates.keys())
        wrong = self.found - known, known - self.found
        if any(wrong):
            lost, unknown = ([str(path) for path in paths] for paths in wrong)
            raise AssertionError(
                f"this is a fault of ceres-fast, please report it: nothing is known of what became of {lost}, and "
                f"nothing was known of {unknown} before; the tables that are written are whole"
            )
