"""The timing cache of TensorRT in a file: what one build has timed, the next ones need not time again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...console import warn
from ...errors import CeresFastError
from ...files import atomic_file, disk_errors
from ...locks import alone

if TYPE_CHECKING:
    import tensorrt as trt


def attach(config: trt.IBuilderConfig, path: Path) -> None:
    """Give a build the timing cache of a file, or an empty one where there is none that it can use.

    Raises
    ------
    CeresFastError
        When the file is there and cannot be read.
    """
    content = _content(path)
    cache = config.create_timing_cache(content)
    if cache is not None and config.set_timing_cache(cache, False):
        return
    if content:
        warn(f"{path}: is no timing cache of this TensorRT on this GPU; a new one takes its place.")
    config.set_timing_cache(config.create_timing_cache(b""), False)


def keep(config: trt.IBuilderConfig, path: Path) -> None:
    """Write the timing cache of a build to its file, with what other builds have put there meanwhile.

    Raises
    ------
    CeresFastError
        When the disk refuses; the file is then what it was before.
    """
    cache = config.get_timing_cache()
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path):
        if others := _content(path):
            # False, and nothing combined, where the file is of another version or GPU: it is replaced.
            theirs = config.create_timing_cache(others)
            if theirs is not None:
                cache.combine(theirs, False)
        with atomic_file(path) as temporary:
            temporary.write_bytes(memoryview(cache.serialize()))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise CeresFastError(f"{path}: cannot be read as a timing cache ({error.strerror}). Name another.") from error
