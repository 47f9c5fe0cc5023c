"""Scores as text: the paper's table and what it lacks."""

from __future__ import annotations

from .scores import CONFIDENCE, Scores


def as_text(scores: Scores, title: str) -> str:
    """Return the report of `scores` as plain text, 80 columns.

    Parameters
    ----------
    scores : Scores
        What `score` returned.
    title : str
        First line: classifier, records and split.
    """
    (tn, fp), (fn, tp) = scores.confusion
    lines = [
        title,
        "",
        f"{'class':<16}{'precision':>10}{'recall':>10}{'F1':>10}{'stamps':>10}",
        *(
            f"{name:<16}{row.precision:>10.4f}{row.recall:>10.4f}{row.f1:>10.4f}{row.count:>10,}"
            for name, row in scores.classes.items()
        ),
        f"{'accuracy':<16}{scores.accuracy:>10.4f}",
        f"{'loss':<16}{scores.loss:>10.4f}",
        "",
        f"Called an asteroid from probability {scores.threshold:g} on:",
        f"{'':<20}{'called non-asteroid':>20}{'called asteroid':>20}",
        f"{'non-asteroid':<20}{tn:>20,}{fp:>20,}",
        f"{'asteroid':<20}{fn:>20,}{tp:>20,}",
        "",
        f"With {CONFIDENCE:.0%} bootstrap intervals; the stamps of one asteroid are drawn together:",
        f"{'asteroid recall':<20}{scores.recall}",
        f"{'asteroid precision':<20}{scores.precision}",
        f"{'ROC AUC':<20}{scores.roc_auc}",
        f"{'average precision':<20}{scores.average_precision}",
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"
