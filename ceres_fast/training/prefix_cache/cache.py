"""The way into the cache: the rows of a split, computed first where they are not there."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from ...errors import CeresFastError
from ...model.cut import Cut
from ...records.manifest import Manifest
from .compute import compute
from .entry import Entry, no_room
from .key import CacheSettings, key_of, made_from
from .layout import Layout
from .lock import compute_alone, touch, use
from .store import FeatureRows


def cached_rows(manifest: Manifest, split: str, cut: Cut, settings: CacheSettings, *, variants: int = 1) -> FeatureRows:
    """Return what the frozen layers give for the stamps of a split; compute what is missing of it.

    Parameters
    ----------
    manifest : Manifest
        Of the records.
    split : str
        ``train``, ``validation`` …
    cut : Cut
        Of the classifier.
    settings : CacheSettings
        Of the run: what the classifier is, ``cache_dir`` and ``cache_half``.
    variants : {1, 8}
        Rows of each stamp: as it is, or in its flips and rotations (`ceres_fast.training.augment.dihedral`).

    Returns
    -------
    FeatureRows
        Of the tensors at the cut, one after the other. The entry cannot be cleared while it lives.

    Raises
    ------
    NoRoom
        When the disk has not enough room, or the folder cannot be written; it is then as before.
    InputError
        When a shard of the records is damaged.
    CeresFastError
        When there is no such split, or features are too large for float16.

    Notes
    -----
    A killed computation goes on where it stopped; of processes that want the same rows one computes and the others
    wait; a shard that is not what was written is computed again.
    """
    if split not in manifest.splits:
        raise CeresFastError(f"no split {split!r}; expected one of {', '.join(manifest.splits)}.")
    dtype = "float16" if settings.cache_half else cut.dtype
    layout = Layout(split, manifest.count(split), variants, cut.shapes, dtype)
    decides = made_from(manifest, cut, settings, layout)
    folder = Path(settings.cache_dir) / key_of(decides)
    entry = Entry(folder, layout, {"records": manifest.name, "made_from": decides})
    with ExitStack() as undo:
        try:
            used = undo.enter_context(use(folder))
            if entry.missing():
                with compute_alone(folder):
                    # Another process may have computed them while this one waited.
                    if missing := entry.missing():
                        compute(entry, manifest, cut.prefix, missing)
            touch(folder)
        except OSError as error:
            raise no_room(f"{folder}: cannot be used ({error.strerror}).") from error
        undo.pop_all()
        return FeatureRows(folder, layout, used, entry.seconds)
