"""Compare runs on one split: what `ceres-fast compare` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...console import say
from ...files import write_json, write_text
from ...settings.guarantee import NEEDS
from .comparison import Comparison, compare_answers
from .report import as_text, draw_differences
from .runs import read_answers


def compare(
    runs: Sequence[Path], *, split: str = "test", needs: int = NEEDS, output: Path | None = None, seed: int = 0
) -> Comparison:
    """Compare evaluated runs in pairs and print what is shown.

    Parameters
    ----------
    runs : sequence of pathlib.Path
        Run directories that were evaluated on the split of the same records (or folders of evaluations); two or more.
    split : str
        ``test``, ``validation``, ``calibration`` or ``train``.
    needs : int
        Exposures of an asteroid in a night that must be called asteroids, or else it is lost; 1 or more.
    output : pathlib.Path, optional
        Folder for ``compare.txt``, ``compare.json`` and ``compare.png``.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Comparison

    Raises
    ------
    CeresFastError
        When there are fewer than two runs.
    InputError
        When one is not evaluated on the split, its evaluation is damaged, or it is of other stamps than the first.
    """
    answers = read_answers(runs, split)
    found = compare_answers(answers, split=split, needs=needs, seed=seed)
    text = as_text(found)
    say(text)
    if output is not None:
        write_text(output / "compare.txt", text)
        write_json(output / "compare.json", found.as_dict())
        draw_differences(found.pairs, output / "compare.png")
        say(f"written to {output}")
    return found
