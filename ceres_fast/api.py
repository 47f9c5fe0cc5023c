"""The front door: what `import ceres_fast` gives that is no command; the rest of it are the commands' own functions.

Nothing in the package imports this file. Each function imports what it needs when it is called, so that whoever scores
stamps needs no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CeresFastError
from .files import StrPath

if TYPE_CHECKING:
    import keras
    import tensorflow as tf
    from astropy.table import Table

    from .engines import Engine


def load(path: StrPath, *, provider: str = "auto", threads: int = 0, rebuild: bool = False) -> Engine:
    """Open an exported classifier.

    Parameters
    ----------
    path : str or pathlib.Path
        A run folder (its ONNX file is used), ``runs/latest``, an ONNX file, an engine file of TensorRT, or the address
        of a model on a Triton server, ``triton://HOST:PORT/NAME`` (gRPC) or ``triton+http://HOST:PORT/NAME``.
    provider : {"auto", "cpu", "cuda", "tensorrt"}
        What ONNX Runtime runs an ONNX file on; ``auto`` is the best that starts.
    threads : int, default 0
        Threads on the CPU; 0: as many as `OMP_NUM_THREADS` or the system allows (docs/hosts.md).
    rebuild : bool, default False
        Build an engine file that does not fit this machine anew, from the ONNX file beside it.

    Returns
    -------
    Engine
        With ``predict(stamps)``, ``threshold``, ``operating_point`` and ``classifier`` (all that the file says of
        itself). ``predict`` takes an array of shape (n, 32, 32) or (n, 32, 32, planes), axes (y, x, plane), pixels in
        ADU, of any real type, and returns the probability that each stamp holds an asteroid, float64, shape (n,). It is
        what `classify` writes and what ``threshold`` is compared with; ``raw=True`` gives the network's own, float32.
        A stamp with a pixel that is NaN or masked, or whose pixels are all the same, gets NaN; `classify` fills missing
        pixels first, where enough of the stamp is left.

    Raises
    ------
    InputError
        When the file is missing, of a kind that is not run, or not an exported classifier.
    CeresFastError
        When the provider does not start here, or an option does not fit the kind of file.

    Examples
    --------
    >>> classifier = ceres_fast.load("runs/latest")
    >>> classifier
    <xception, experiment 2, in runs/.../classifier.onnx on ONNX Runtime ...;
     threshold ...: with a confidence of 0.95, at most 0.02 of the asteroids that are detected in 3 exposures of a night
     or more are lost>

    A bright source on noise is an asteroid for this classifier:

    >>> stamps = np.random.default_rng(0).normal(1000, 10, (2, 32, 32))
    >>> stamps[1, 14:18, 14:18] += 2000
    >>> classifier.predict(stamps) >= classifier.threshold
    array([False,  True])
    >>> classifier.predict(stamps, raw=True).dtype
    dtype('float32')
    """
    from .artifact.latest import resolve
    from .engines import load as load_engine

    # Which run `latest` is stands in what is returned, so that it is not printed here.
    return load_engine(resolve(Path(path), announce=False), provider=provider, threads=threads, rebuild=rebuild)


def keras_model(run: StrPath) -> keras.Model:
    """Rebuild the Keras model of a run, with the weights of its best epoch; nothing that the run holds is executed.

    Parameters
    ----------
    run : str or pathlib.Path
        A run folder, its ``classifier.json``, or ``runs/latest``.

    Returns
    -------
    keras.Model
        Stamps, float32 (n, 32, 32, planes), axes (y, x, plane), in ADU, to probabilities of the classes (non-asteroid,
        asteroid), float32 (n, 2). They are the network's own: the classifier's scaling is not applied, and its
        threshold is not for them (`load` gives both).

    Raises
    ------
    InputError
        When there is no classifier, or its weights are missing, damaged or of another architecture.

    Examples
    --------
    >>> model = ceres_fast.keras_model("runs/latest")
    >>> model.input_shape, model.output_shape
    ((None, 32, 32, 1), (None, 2))
    """
    from .artifact.classifier import read_classifier
    from .artifact.latest import resolve
    from .model.load import load_model

    return load_model(read_classifier(resolve(Path(run), announce=False)))


def dataset(records: StrPath, split: str, *, batch_size: int = 128, columns: Sequence[str] = ()) -> tf.data.Dataset:
    """Return the stamps of a split in batches, in the order in which they are stored.

    Parameters
    ----------
    records : str or pathlib.Path
        Folder that `build_records` wrote.
    split : {"train", "validation", "calibration", "test"}
        Which stamps.
    batch_size : int, default 128
        Stamps per batch; the last batch may hold fewer.
    columns : sequence of str
        What else to read of each stamp: names as in `read_records`.

    Returns
    -------
    tf.data.Dataset
        Of (stamps, labels), or (stamps, labels, {column: values}) with `columns`. Stamps are float32
        (b, 32, 32, planes), axes (y, x, plane), in ADU; labels int32 (b,), 1 for an asteroid; columns float64, int64 or
        string, (b,). Its cardinality is known.

    Raises
    ------
    InputError
        When the records are missing or damaged.
    CeresFastError
        When there is no such split or column, or the batch size is not above 0.

    Examples
    --------
    >>> validation = ceres_fast.dataset("records", "validation", batch_size=8)
    >>> stamps, labels = next(iter(validation))
    >>> stamps.shape
    TensorShape([8, 32, 32, 1])
    """
    from .records.manifest import load_manifest
    from .records.pipeline import stamp_dataset

    return stamp_dataset(load_manifest(Path(records)), split, batch_size, columns=_several(columns))


def read_records(records: StrPath, split: str, columns: Sequence[str] | None = None) -> Table:
    """Read what is known of the stamps of a split into a table, in the order in which they are stored.

    Parameters
    ----------
    records : str or pathlib.Path
        Folder that `build_records` wrote.
    split : {"train", "validation", "calibration", "test"}
        Which stamps.
    columns : sequence of str, optional
        Names of columns, ``stamp`` for the pixels; without it all that these records have but the pixels.

    Returns
    -------
    astropy.table.Table
        A row per stamp; columns float64, int64 or str with their units and descriptions, ``stamp`` float32
        (n, 32, 32, planes), axes (y, x, plane), in ADU. Unknown numbers are NaN or -1, unknown texts are empty; so are
        columns that were not measured for these records.

    Raises
    ------
    InputError
        When the records are missing, cut or altered; it names the shard and the row.
    CeresFastError
        When there is no such split or column.

    Examples
    --------
    >>> table = ceres_fast.read_records("records", "test", ["label", "stamp"])
    >>> table["stamp"].shape[1:], table["stamp"].unit
    ((32, 32, 1), Unit("adu"))
    """
    from astropy.table import Column, Table

    from .records.manifest import load_manifest
    from .records.pipeline import read_columns
    from .stamps import COLUMNS

    manifest = load_manifest(Path(records))
    known = {column.name: (column.unit, column.meaning) for column in COLUMNS}
    names = [name for name in known if name in manifest.columns] if columns is None else list(_several(columns))
    values = read_columns(manifest, split, names)
    about = {**known, "stamp": ("ADU", "pixels, axes (y, x, plane)")}
    table = Table()
    for name in names:
        unit, meaning = about[name]
        table[name] = Column(values[name], unit=unit.replace("ADU", "adu") or None, description=meaning)
    return table


def _several(columns: Sequence[str]) -> Sequence[str]:
    """Refuse a name where several are expected: its letters would be read as names."""
    if isinstance(columns, str):
        raise CeresFastError(f"columns is {columns!r}: expected a sequence of names, such as [{columns!r}].")
    return columns
