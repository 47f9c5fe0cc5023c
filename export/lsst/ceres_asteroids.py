"""A task for LSST's `pipetask`: catalogues of a night come back with the probability of each detection.

docs/deploy/lsst.md says how it is used. It needs `lsst-pipe-base` and `ceres-fast`, and nothing compiled of LSST's
Science Pipelines.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from astropy.table import Table
from lsst.daf.butler import DeferredDatasetHandle, FormatterV2
from lsst.pex.config import DictField, Field
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
    connectionTypes,
)

import ceres_fast

EXPOSURE = ("instrument", "exposure", "detector")


class FitsFrameFormatter(FormatterV2):
    """A frame as it is on disk, byte for byte: whatever extensions, headers and compression it has."""

    default_extension = ".fits"
    supported_extensions = frozenset({".fits", ".fits.fz", ".fits.gz", ".fit", ".fts"})
    can_read_from_local_file = True

    def read_from_local_file(self, path: str, component: str | None = None, expected_size: int = -1) -> bytes:
        """Return the file."""
        return Path(path).read_bytes()

    def to_bytes(self, in_memory_dataset: bytes) -> bytes:
        """Return what is written."""
        return in_memory_dataset


# All exposures of a night on one detector are one piece of work: what is stationary is found by comparing exposures.
class AsteroidsConnections(PipelineTaskConnections, dimensions=("instrument", "day_obs", "detector")):
    """What the task reads and writes; the names are those of dataset types, and can be configured."""

    frames = connectionTypes.Input(
        doc="Frames, calibrated and with coordinates, as FITS files.",
        name="frame",
        storageClass="FitsFrame",
        dimensions=EXPOSURE,
        multiple=True,
        deferLoad=True,
    )
    catalogues = connectionTypes.Input(
        doc="The detections of each frame.",
        name="detections",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
        multiple=True,
    )
    scored = connectionTypes.Output(
        doc="The same rows, with PROB_ASTEROID, CERES_FLAGS, TRACKLET and PROB_TRACKLET.",
        name="scored_detections",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
        multiple=True,
    )


class AsteroidsConfig(PipelineTaskConfig, pipelineConnections=AsteroidsConnections):
    """What can be set."""

    classifier = Field[str](doc="A file that `ceres-fast export` wrote, or the address of a Triton server.")
    columns = DictField[str, str](
        doc="What the catalogue's columns are called: x, y (pixels counted from 1), ra, dec, magnitude, flags, width; "
        "as SExtractor calls them otherwise.",
        default={},
    )


class AsteroidsTask(PipelineTask):
    """Scores the detections of a night on one detector."""

    ConfigClass = AsteroidsConfig
    _DefaultName = "asteroids"
    config: AsteroidsConfig

    def runQuantum(  # noqa: N802
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read what belongs together in the same order, and write a table for each frame."""
        of_connections = (inputRefs.frames, inputRefs.catalogues, outputRefs.scored)
        frames, catalogues, scored = ({ref.dataId: ref for ref in refs} for refs in of_connections)
        if not frames.keys() == catalogues.keys() == scored.keys():
            raise ValueError(f"{len(frames)} frames, {len(catalogues)} catalogues: expected one of each per exposure")
        found = self.run(
            frames=[butlerQC.get(frames[each]) for each in scored],
            catalogues=[butlerQC.get(catalogues[each]) for each in scored],
            threads=butlerQC.resources.num_cores,
        )
        for ref, table in zip(scored.values(), found.scored, strict=True):
            butlerQC.put(table, ref)

    def run(self, frames: Sequence[DeferredDatasetHandle], catalogues: Sequence[Table], threads: int = 1) -> Struct:
        """Return `scored`, a table for each of the catalogues, in their order: what `classify_table` makes of them.

        Parameters
        ----------
        frames : sequence of DeferredDatasetHandle
            Their `get` gives the bytes of each FITS file.
        catalogues : sequence of astropy.table.Table
            The detections of each frame.
        threads : int, default 1
            Threads that the network runs on.
        """
        classifier = ceres_fast.load(self.config.classifier, threads=threads)
        with TemporaryDirectory() as folder:
            paths = [_written(Path(folder), frame) for frame in frames]
            names = ceres_fast.Names(**self.config.columns)
            tables = ceres_fast.classify_table(paths, catalogues, classifier, names=names)
        return Struct(scored=tables)


def _written(folder: Path, frame: DeferredDatasetHandle) -> Path:
    """Write a frame to a file whose name, which errors give, says which one it is."""
    path = folder / f"{'-'.join(f'{name}-{frame.dataId[name]}' for name in EXPOSURE)}.fits"
    path.write_bytes(frame.get())
    return path
