"""What ONNX Runtime runs a model on: its execution providers, best first, and why one of them does not start.

A session whose provider cannot start runs on the CPU and says so in a log at most
(https://github.com/microsoft/onnxruntime/issues/23372); here it is an error, or with ``auto`` a warning.
"""

from __future__ import annotations

import ctypes
import importlib
import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from ..artifact.onnx_file import as_unsigned
from ..console import warn
from ..errors import CeresFastError
from ..machine.cores import thread_limit
from . import tensorrt_provider
from .batches import AUTO, BATCH, GPU_SIZES, TILE
from .gpus import driver
from .packages import is_package

SWAP = "pip uninstall --yes onnxruntime onnxruntime-gpu, then pip install 'onnxruntime-gpu[cuda,cudnn]'"
"""Both are one module: one must go before the other comes."""

LOGGED_FROM, LOGGED_NEVER = 2, 4
"""ONNX Runtime's log severities: warnings (its default), and fatal errors only."""


EXACT_SUMS = "session.x64quantprecision"
PROCESSOR = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Onnx:
    """A model to start: the bytes of its file, and (rows, columns, planes) of a stamp."""

    content: bytes
    stamp_shape: Sequence[int]


@dataclass(frozen=True)
class Provider:
    """An execution provider.

    Attributes
    ----------
    name : str
        What ONNX Runtime calls it.
    options : callable
        Model → its options, https://onnxruntime.ai/docs/execution-providers/.
    others : tuple of str
        Who else may compute what it cannot, by their names in `PROVIDERS`.
    batch_size, sizes
        As in `BatchedEngine`; on the CPU of each thread.
    smallest : int
        Stamps at a time that a classifier over many views gets all the same.
    prepare : callable
        What is done to the bytes of a model first.
    library : str
        The file beside ONNX Runtime's own that it is in; empty where it is part of that.
    there : callable
        Whether ``auto`` is to try it where ONNX Runtime was built with it.
    """

    name: str
    options: Callable[[Onnx], dict[str, str]] = lambda model: {}
    others: tuple[str, ...] = ()
    batch_size: int = BATCH
    smallest: int = 1
    sizes: tuple[int, ...] = ()
    prepare: Callable[[bytes], bytes] = lambda content: content
    library: str = ""
    there: Callable[[], bool] = lambda: True


PROVIDERS = {
    "tensorrt": Provider(
        "TensorrtExecutionProvider",
        lambda model: tensorrt_provider.options(model.content, model.stamp_shape),
        others=("cuda", "cpu"),
        batch_size=GPU_SIZES[-1],
        sizes=GPU_SIZES,
        library="libonnxruntime_providers_tensorrt.so",
        there=tensorrt_provider.there,
    ),
    "cuda": Provider(
        "CUDAExecutionProvider",
        # A float32 classifier answers in float32, as it was proven to, not in TensorFloat-32.
        lambda model: {"use_tf32": "0"},
        others=("cpu",),
        batch_size=GPU_SIZES[-1],
        sizes=GPU_SIZES,
        library="libonnxruntime_providers_cuda.so",
    ),
    # More at a time are no faster, and take more memory.
    "cpu": Provider("CPUExecutionProvider", batch_size=32, smallest=TILE, prepare=as_unsigned),
}
"""By the names of ``--provider``, best first: in this order ``auto`` tries them."""


class NotStartedError(CeresFastError):
    """A provider cannot be used here: why, and what to do about it."""

    def __init__(self, provider: str, why: str, action: str) -> None:
        super().__init__(provider, why, action)
        self.why, self.action = why, action

    def __str__(self) -> str:
        return f"provider {self.args[0]}: {self.why}. {self.action[0].upper()}{self.action[1:]}."


def start(model: Onnx, provider: str = AUTO, threads: int = 0) -> tuple[onnxruntime.InferenceSession, str]:
    """Start a session on a provider, or on the best one that starts.

    Parameters
    ----------
    model : Onnx
        The model.
    provider : str, default "auto"
        A name in `PROVIDERS`, or ``"auto"``: the first that is here and starts; one that is here and does not start is
        warned of.
    threads : int, default 0
        Threads of an operator that a GPU leaves to the CPU; 0: as many as the user or the system allows. A session on
        the CPU computes with the thread that calls it, and several may call it at the same time.

    Returns
    -------
    onnxruntime.InferenceSession, str
        The session, and the name of its provider.

    Raises
    ------
    NotStartedError
        When the provider that was asked for does not start.
    Exception
        ONNX Runtime's own, when the model cannot be run on the CPU.
    """
    threads = threads or thread_limit()
    if provider != AUTO:
        return _started(model, provider, threads), provider
    available = onnxruntime.get_available_providers()
    for name, each in PROVIDERS.items():
        if name == "cpu" or each.name not in available or not each.there():
            continue
        try:
            return _started(model, name, threads), name
        except NotStartedError as error:
            warn(f"{error} The next best one is used")
    return _started(model, "cpu", threads), "cpu"


def _started(model: Onnx, provider: str, threads: int) -> onnxruntime.InferenceSession:
    if provider not in PROVIDERS:
        raise CeresFastError(f"--provider {provider}: expected one of {', '.join((AUTO, *PROVIDERS))}.")
    if provider == "cpu":
        return _session(model, PROVIDERS["cpu"], 1)
    chosen = PROVIDERS[provider]
    if chosen.name not in onnxruntime.get_available_providers():
        raise NotStartedError(
            provider,
            f"onnxruntime {onnxruntime.__version__} was built without it",
            f"put onnxruntime-gpu in its place: {SWAP}",
        )
    problem = ""
    with _libraries():
        try:
            session = _session(model, chosen, threads)
        except Exception as error:  # ONNX Runtime's errors share no other base class
            problem = short(error)
        else:
            if session.get_providers()[0] == chosen.name:
                return session
    why = f"it did not start ({why_not(provider) or problem or 'no reason given'})"
    raise NotStartedError(provider, why, "`ceres-fast doctor` shows what is missing")


def _session(model: Onnx, provider: Provider, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = LOGGED_NEVER  # its errors come as exceptions; on the screen they would be said twice
    options.add_session_config_entry("session.load_model_format", "ONNX")
    sum_exactly(options)
    chosen = [provider, *(PROVIDERS[name] for name in provider.others)]
    providers = [(each.name, each.options(model)) for each in chosen]
    # Without the fallback, which prints and tries the same again.
    return onnxruntime.InferenceSession(
        provider.prepare(model.content), options, providers=providers, enable_fallback=0
    )


def cpu_session(content: bytes) -> onnxruntime.InferenceSession:
    """Return a session that runs an ONNX file on the CPU as it is, on the cores of the process; it says nothing."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = thread_limit()
    options.log_severity_level = LOGGED_NEVER  # of a graph that is still being made it would warn of unused constants
    sum_exactly(options)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def sum_exactly(options: onnxruntime.SessionOptions) -> None:
    """Have sums of products of bytes (int8) exact on every processor.

    Without VNNI, x64 processors add products of an unsigned and a signed byte in 16 bits, and cut them off. ONNX
    Runtime avoids that by another order of the sums, at half the speed; it is not asked to where the processor is known
    to have VNNI (Linux lists it).
    """
    try:
        known = "vnni" in PROCESSOR.read_text(encoding="utf-8", errors="replace")
    except OSError:
        known = False
    options.add_session_config_entry(EXACT_SUMS, "0" if known else "1")


def why_not(provider: str) -> str:
    """Return why a GPU's provider, with which ONNX Runtime was built, cannot start here; empty where none is found."""
    if problem := driver().problem:
        return f"no GPU: {problem}"
    library = Path(onnxruntime.__file__).parent / "capi" / PROVIDERS[provider].library
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return printable(str(error))
    return ""


@contextmanager
def _libraries() -> Iterator[None]:
    """Load what pip installed of CUDA, cuDNN and TensorRT, where ONNX Runtime would not look; keep it from printing."""
    onnxruntime.set_default_logger_severity(LOGGED_NEVER)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            if hasattr(onnxruntime, "preload_dlls"):  # from 1.21 on
                onnxruntime.preload_dlls()
            if is_package("tensorrt"):
                with suppress(Exception):  # a broken TensorRT is a problem only if its provider then does not start
                    importlib.import_module("tensorrt")
        yield
    finally:
        onnxruntime.set_default_logger_severity(LOGGED_FROM)


def short(error: Exception) -> str:
    """Return the message of one of ONNX Runtime's errors on one line, without its codes."""
    return printable(re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error)))


def printable(text: str) -> str:
    """Return text of unknown origin on one line, cut where it is long."""
    line = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return line if len(line) < 200 else line[:199] + "…"
