"""The log keeps what TensorRT says, and quotes its errors in a line."""

from __future__ import annotations

import pytest

from ceres_fast.engines.tensorrt.log import Log

from .fake_tensorrt import ILogger, fake_tensorrt


def test_each_message_is_a_line() -> None:
    log = Log()
    logger = log.logger(fake_tensorrt())
    logger.log(ILogger.Severity.INFO, "two\nlines \x1b[31mred")
    logger.log(ILogger.Severity.VERBOSE, "by the thousand")
    assert log.text() == "INFO: two lines  [31mred\n"
    assert log.errors() == ""


def test_the_last_errors_are_quoted() -> None:
    log = Log()
    for text in ("first", "second", "third", "third", "x" * 1000):
        log.add("ERROR", text)
    log.add("WARNING", "not this")
    assert log.errors().startswith("third / xxx")
    assert len(log.errors()) == 400
    assert len(log.messages) == 6


def test_the_last_messages_of_many_are_kept() -> None:
    log = Log(2)
    for text in ("first", "second", "third"):
        log.add("ERROR", text)
    assert log.errors() == "second / third"


def test_the_real_package_writes_into_it() -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    log = Log()
    logger = log.logger(trt)
    parser_of = trt.Builder(logger).create_network(0)
    assert not trt.OnnxParser(parser_of, logger).parse(b"no graph")
    assert "Failed to parse the ONNX model" in log.errors()
