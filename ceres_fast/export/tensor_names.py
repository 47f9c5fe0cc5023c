"""Which tensors of two ONNX graphs are the same: names that differ by nothing but Keras's and tf2onnx's counters."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

_COUNTER = re.compile(r"_+(\d+)(?=(?:_+\d+)*(?:[/:]|$))")
"""Numbers at the end of a part of a name: ``add_1_1/Add__52:0`` has 1, 1 and 52, and ``block2_sepconv1`` none."""


def pairs(reference: Iterable[str], product: Iterable[str]) -> dict[str, str]:
    """Return {name in the reference: name in the product} of the tensors that both have, in the reference's order.

    Parameters
    ----------
    reference, product : iterable of str
        Names of all tensors of each graph.

    Notes
    -----
    Keras numbers layers through a whole process, so that the second network of a kind has ``add_12`` where the first
    has ``add``, and tf2onnx numbers what it inserts. Names that are not the same are therefore compared without these
    counters; of several that are then equal, the first by its counters is the first of the other graph, and so on.
    Where one graph has more of them than the other, none is matched.
    """
    reference, product = list(reference), list(product)
    same = set(reference) & set(product)
    ours, theirs = (_alike(name for name in names if name not in same) for names in (reference, product))
    found = {name: name for name in same}
    for pattern, names in ours.items():
        if len(names) == len(theirs[pattern]):
            found |= zip(names, theirs[pattern], strict=True)
    return {name: found[name] for name in reference if name in found}


def _alike(names: Iterable[str]) -> defaultdict[str, list[str]]:
    """Return the names without counters, and those that become so, in the order of their counters."""
    alike = defaultdict(list)
    for name in sorted(names, key=lambda name: [int(each) for each in _COUNTER.findall(name)]):
        alike[_COUNTER.sub("", name)].append(name)
    return alike
