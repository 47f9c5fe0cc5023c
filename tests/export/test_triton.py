"""The Triton template fits the classifiers that are exported."""

import re
from pathlib import Path

from ceres_fast.classifier import CLASSES, Classifier
from ceres_fast.engines.onnx_runtime import INPUT, OUTPUT

from ..tiny_models import classifier

CONFIG = Path(__file__).parents[2] / "export" / "triton" / "asteroid_classifier" / "config.pbtxt"


def tensor(config: str, side: str) -> tuple[str, str, list[int]]:
    """Return name, type and shape of the one input or output."""
    (block,) = re.findall(rf"^{side} \[\n(.*?)^\]", config, re.M | re.S)
    (name,), (kind,), (dims,) = (
        re.findall(pattern, block) for pattern in (r'name: "(.*)"', r"data_type: (\w+)", r"dims: \[(.*)\]")
    )
    return name, kind, [int(each) for each in dims.split(",")]


def test_names_and_shapes_are_the_classifier_s() -> None:
    config = CONFIG.read_text()
    made: Classifier = classifier()
    assert tensor(config, "input") == (INPUT, "TYPE_FP32", list(made.stamp_shape))
    assert tensor(config, "output") == (OUTPUT, "TYPE_FP32", [len(CLASSES)])
    assert f'name: "{CONFIG.parent.name}"' in config
    assert 'backend: "onnxruntime"' in config


def test_batches_are_dynamic_and_bounded() -> None:
    config = CONFIG.read_text()
    (largest,) = re.findall(r"max_batch_size: (\d+)", config)
    (preferred,) = re.findall(r"preferred_batch_size: \[(.*)\]", config)
    assert "dynamic_batching" in config
    assert all(0 < int(size) <= int(largest) for size in preferred.split(","))
