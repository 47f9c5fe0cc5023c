"""How time and memory of building records grow with the number of fields, and how well shards are mixed.

python -m benchmarks.build_scale survey/training --workers 2 --preset table1
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.builds import fields_in, finish, linked, start
from benchmarks.machine import command_line, write_result
from ceres_fast.console import say, table
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import stamp_dataset
from ceres_fast.training.feed.order import epoch_order

BATCH = 128
PARTS = (8, 4, 2, 1)


def built(source: Path, out: Path, program: Path, **options: Any) -> dict[str, Any]:
    """Build records of a folder and return what it took."""
    cost = finish(start(program, {"source": source, "out": out, "overwrite": True, **options}))
    manifest = load_manifest(out)
    stamps = sum(manifest.count(split) for split in manifest.splits)
    cut = manifest.reconciliation["detections"]["kept"]
    sources = sum(file.stat().st_size for field in fields_in(source) for file in field.rglob("*") if file.is_file())
    return {
        "fields": len(fields_in(source)),
        "frames": manifest.counts["frames"],
        "detections": manifest.counts["detections"],
        "stamps_cut": cut,
        "stamps_written": stamps,
        "classes": {split: manifest.class_counts(split) for split in manifest.splits},
        "source_mb": round(sources / 1e6, 1),
        "records_mb": round(sum(file.stat().st_size for file in out.iterdir()) / 1e6, 1),
        **asdict(cost),
        "stamps_per_second": round(cut / cost.seconds, 1),
    }


def mixing(records: Path) -> dict[str, float]:
    """Say how far apart in the files the stamps of a shuffled batch are, and what a perfect shuffle would give.

    ``frames_per_batch``: mean number of distinct frames in a batch. ``rank_correlation``: between the place in the
    order of reading and that in the order of the files (0: perfect).
    """
    manifest = load_manifest(records)
    key = ("source", "row")
    in_order = _names(stamp_dataset(manifest, "train", BATCH, columns=key))
    place = {name: number for number, name in enumerate(in_order)}
    read = [in_order[number] for number in epoch_order(len(in_order), 1, 0)]
    perfect = [in_order[number] for number in np.random.default_rng(1).permutation(len(in_order))]
    places = [place[name] for name in read]
    return {
        "stamps": len(read),
        "frames": len({source for source, _ in in_order}),
        "frames_per_batch": _frames_per_batch(read),
        "frames_per_batch_if_perfect": _frames_per_batch(perfect),
        "rank_correlation": round(float(np.corrcoef(places, np.arange(len(places)))[0, 1]), 4),
    }


def _names(dataset: Any) -> list[tuple[bytes, int]]:
    batches = (columns for _, _, columns in dataset.as_numpy_iterator())
    return [
        pair for columns in batches for pair in zip(columns["source"].tolist(), columns["row"].tolist(), strict=True)
    ]


def _frames_per_batch(names: list[tuple[bytes, int]]) -> float:
    whole = range(0, len(names) - BATCH + 1, BATCH)
    return round(float(np.mean([len({source for source, _ in names[at : at + BATCH]}) for at in whole])), 2)


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("folder", type=Path, help="frames with catalogues and asteroids.csv")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--parts", type=int, nargs="+", default=PARTS, help="1/N of the fields (default 8 4 2 1)")
    parser.add_argument("--preset", help="build the whole once more, to the class counts of this preset")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    fields = fields_in(given.folder)
    options = {"workers": given.workers, "seed": given.seed, "nan": "fill"}
    sizes, whole = {}, {}
    with tempfile.TemporaryDirectory(dir=given.output.parent) as name:
        folder, out = Path(name), Path(name) / "records"
        for part in given.parts:
            source = linked(given.folder, fields[::part], folder / f"part{part}")
            sizes[f"1/{part}"] = built(source, out, folder / "program.py", **options)
            say(f"1/{part}: {json.dumps(sizes[f'1/{part}'])}")
        shuffled = mixing(out)
        if given.preset:
            whole = built(given.folder, out, folder / "program.py", preset=given.preset, **options)
    result = {"workers": given.workers, "seed": given.seed, "sizes": sizes, "mixing": shuffled}
    write_result(given.output, result | ({"preset": given.preset, "of_preset": whole} if whole else {}))
    shown = ("fields", "stamps_cut", "seconds", "stamps_per_second", "main_mb", "worker_mb", "total_mb", "records_mb")
    rows = [(name, *(size[key] for key in shown)) for name, size in sizes.items()]
    rows += [(given.preset, *(whole[key] for key in shown))] if whole else []
    table(f"Building records, {given.workers} workers", ("part", *(key.replace("_", " ") for key in shown)), rows)
    say(f"mixing: {shuffled}")


if __name__ == "__main__":
    main()
