"""The published ImageNet weights of a backbone: where they are looked for, and how they get onto this machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from ..console import progress
from ..errors import CeresFastError
from ..files import atomic_file
from ..libraries.keras_settings import keras_home
from ..machine.network import announce
from .backbones import Backbone

WEIGHTS_FOLDER = "CERES_FAST_WEIGHTS"
"""Environment variable with the name of a folder of ImageNet weights."""

TIMEOUT = 30
"""Seconds in which a server must say something."""

_BLOCK = 2**20
"""Bytes that are read at a time."""


def keras_cache() -> Path:
    """Return the folder in which Keras keeps the weights it has downloaded."""
    return keras_home() / "models"


def file_names(backbone: Backbone) -> tuple[str, str]:
    """Return the names of files in which the ImageNet weights of the backbone are looked for."""
    return backbone.weights_file, f"{backbone.name}_imagenet_notop.weights.h5"


def find_imagenet(backbone: Backbone) -> Path | None:
    """Return the file with the backbone's ImageNet weights, or None where it would have to be downloaded.

    It is looked for in the folder ``$CERES_FAST_WEIGHTS``, then in Keras's cache.
    """
    candidates = [folder / name for folder in _folders() for name in file_names(backbone)]
    return next((path for path in candidates if path.is_file()), None)


def download(backbone: Backbone) -> Path:
    """Fetch the file with the backbone's ImageNet weights from where Keras publishes it, and say so before.

    It goes into the folder ``$CERES_FAST_WEIGHTS`` where that can be written, else into Keras's cache, and gets its
    name only when its content is the published one (MD5, the only sum that is published).

    Raises
    ------
    CeresFastError
        When it cannot be had, is another file, or ``CERES_FAST_OFFLINE`` forbids it; it says where to put which file.
    """
    by_hand = (
        f"Put the file {backbone.weights_file} into a folder and name that folder in ${WEIGHTS_FOLDER} "
        f"(or put it into {keras_cache()}); or pass --weights PATH; or train from scratch with --weights none."
    )
    folder = next((each for each in _folders() if each.is_dir() and os.access(each, os.W_OK)), keras_cache())
    path = folder / backbone.weights_file
    announce(f"the ImageNet weights of {backbone.name}, to {path}", backbone.weights_url, by_hand)
    problem = f"The ImageNet weights of {backbone.name} are not on this machine and cannot be downloaded"
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            for block in _blocks(backbone.weights_url):
                digest.update(block)
                file.write(block)
            if digest.hexdigest() != backbone.weights_md5:
                raise CeresFastError(f"what came is another file than the published one, of MD5 {digest.hexdigest()}")
    except CeresFastError as error:
        raise CeresFastError(f"{problem} ({str(error).rstrip('.')}). {by_hand}") from error
    return path


def _folders() -> list[Path]:
    named = os.environ.get(WEIGHTS_FOLDER)
    return [*([Path(named)] if named else []), keras_cache()]


def _blocks(url: str) -> Iterator[bytes]:
    """Yield the content of a URL; an error of the network is a CeresFastError, unlike one of the disk it goes to."""
    try:
        with urlopen(url, timeout=TIMEOUT) as answer, progress() as bar:
            shown = bar.add_task("downloading (MB)", total=-(-int(answer.headers.get("Content-Length", 0)) // _BLOCK))
            while block := answer.read(_BLOCK):
                yield block
                bar.advance(shown)
    except (OSError, HTTPException, ValueError) as error:
        raise CeresFastError(str(error) or type(error).__name__) from error
