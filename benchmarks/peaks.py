"""What this machine can do at most: matrix products, memory, disk.

    python -m benchmarks.peaks --seconds 1

- *GFLOP/s* of the product of two square matrices of TensorFlow (and of NumPy, on the CPU), on all cores or on the first
  GPU: the best repeat of the best size. float32, bfloat16 and float16; on a GPU, TensorFlow multiplies float32 in
  TF32 where the GPU has it. float16 has no fast path on a CPU. ``--jit``: compiled by XLA.
- *Memory bandwidth* by the triad ``a = b + s c``: three arrays of 256 MB, 12 B per element; what the cache reads before
  it overwrites is not counted. On the CPU in blocks of 256 KB that stay in the L2 cache, a thread per core; on a GPU
  compiled by XLA.
- *Disk*: 256 MB written and flushed to the disk, and read again after they were dropped from the page cache.

A peak is the best of all repeats, not their median: what a busy machine shows is no peak. So `bound` of
`benchmarks.bounds`, computed from it, is what this machine would need if nothing else ran.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import command_line, write_result
from ceres_fast.console import say
from ceres_fast.libraries.tensorflow_quiet import tf

DTYPES = ("float32", "bfloat16", "float16")
SIZES = {"CPU": (512, 1024, 2048, 4096), "GPU": (2048, 4096, 8192, 16384)}
"""Sides of the matrices."""

TRIAD_ELEMENTS = 64 * 2**20
BLOCK = 64 * 2**10
DISK_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Peaks:
    """What a machine can do at most.

    Attributes
    ----------
    device : str
        ``CPU`` or ``GPU``.
    gflops : dict of str to float
        By dtype, of a matrix product: 10^9 operations/s.
    by : dict of str to str
        By dtype, whose matrix product was the best, and the side of the matrices.
    bandwidth : float
        Of memory, GB/s (10^9).
    """

    device: str
    gflops: dict[str, float]
    by: dict[str, str]
    bandwidth: float


def best_of(measured: Sequence[Peaks]) -> Peaks:
    """Return the best of what was measured at different moments on one machine."""
    gflops = {dtype: max(peaks.gflops[dtype] for peaks in measured) for dtype in measured[0].gflops}
    by = {
        dtype: next(peaks.by[dtype] for peaks in measured if peaks.gflops[dtype] == best)
        for dtype, best in gflops.items()
    }
    return Peaks(measured[0].device, gflops, by, max(peaks.bandwidth for peaks in measured))


def measure(seconds: float = 0.5, *, jit: bool = False, dtypes: tuple[str, ...] = DTYPES) -> Peaks:
    """Measure the peaks; `seconds` are spent on each matrix product of each size, and on the triad."""
    device = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    gflops, by = {}, {}
    for dtype in dtypes:
        gflops[dtype], by[dtype] = max(_products(dtype, device, seconds, jit))
    return Peaks(device, gflops, by, round(_TRIADS[device](seconds) / 1e9, 2))


def _products(dtype: str, device: str, seconds: float, jit: bool) -> list[tuple[float, str]]:
    kinds: dict[str, Callable[[Any], Callable[[], Any]]] = {"TensorFlow": lambda matrix: _tensorflow(matrix, jit)}
    if (device, dtype) == ("CPU", "float32"):
        kinds["NumPy"] = lambda matrix: lambda: matrix.numpy() @ matrix.numpy()
    rates = []
    for kind, product in kinds.items():
        for side in SIZES[device]:
            matrix = tf.cast(tf.random.stateless_normal((side, side), (0, 1)), dtype)
            best = _best(product(matrix), seconds)
            rates.append((round(2 * side**3 / best / 1e9, 1), f"{kind}, side {side}"))
            if best > 2 * seconds:
                break  # no fast path: a larger one only takes longer
    return rates


def _tensorflow(matrix: tf.Tensor, jit: bool) -> Callable[[], Any]:
    @tf.function(jit_compile=jit)
    def product(left: tf.Tensor, right: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        result = tf.matmul(left, right)
        return result, result[0, 0]

    # The single number is waited for: a GPU works while Python goes on.
    return lambda: product(matrix, matrix)[1].numpy()


def _best(run: Callable[[], Any], seconds: float) -> float:
    """Return the shortest time of as many repeats as fit, three at least, after one that is not counted."""
    run()
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
        if times[-1] > 2 * seconds:
            break
    return min(times)


def _triad_cpu(seconds: float) -> float:
    """Return bytes/s of the triad on all cores."""
    target, left, right = (np.full(TRIAD_ELEMENTS, value, np.float32) for value in (0, 1, 2))
    cores = len(os.sched_getaffinity(0))

    def share(number: int) -> None:
        size = TRIAD_ELEMENTS // cores
        for start in range(number * size, (number + 1) * size, BLOCK):
            block = slice(start, start + BLOCK)
            np.multiply(right[block], np.float32(3), out=target[block])
            np.add(target[block], left[block], out=target[block])

    with ThreadPoolExecutor(cores) as pool:
        return 3 * target.nbytes / _best(lambda: list(pool.map(share, range(cores))), seconds)


def _triad_gpu(seconds: float) -> float:
    left, right = (tf.fill([TRIAD_ELEMENTS], value) for value in (1.0, 2.0))

    @tf.function(jit_compile=True)
    def triad(left: tf.Tensor, right: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        result = left + 3.0 * right
        return result, result[0]

    return 3 * 4 * TRIAD_ELEMENTS / _best(lambda: triad(left, right)[1].numpy(), seconds)


_TRIADS = {"CPU": _triad_cpu, "GPU": _triad_gpu}


def disk(folder: Path) -> dict[str, float]:
    """Return MB/s (10^6) of writing and reading a file in `folder`."""
    chunk = np.random.default_rng(0).bytes(2**20)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        descriptor = file.fileno()
        started = time.perf_counter()
        for _ in range(DISK_BYTES // len(chunk)):
            os.write(descriptor, chunk)
        os.fsync(descriptor)
        written = time.perf_counter() - started
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.lseek(descriptor, 0, os.SEEK_SET)
        started = time.perf_counter()
        while os.read(descriptor, len(chunk)):
            pass
        read = time.perf_counter() - started
    return {"write": round(DISK_BYTES / written / 1e6, 1), "read": round(DISK_BYTES / read / 1e6, 1)}


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="spent on each size of each product (default 1)")
    parser.add_argument("--jit", action="store_true", help="compile the products by XLA")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="disk that is measured")
    given = parser.parse_args()
    peaks = measure(given.seconds, jit=given.jit)
    disk_rates = disk(given.folder)
    units = {"gflops": "10^9 operations/s", "bandwidth": "10^9 B/s", "disk": "10^6 B/s"}
    write_result(given.output, {"units": units, "jit": given.jit, **asdict(peaks), "disk": disk_rates})
    for dtype, rate in peaks.gflops.items():
        say(f"{dtype}: {rate:,.0f} GFLOP/s on the {peaks.device} ({peaks.by[dtype]})")
    say(f"memory {peaks.bandwidth} GB/s; disk {disk_rates['write']:,.0f} MB/s written, {disk_rates['read']:,.0f} read")


if __name__ == "__main__":
    main()
