"""A product is beside Keras on the same stamps: what changes is counted, and what is too much is refused."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import onnx
import pytest

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.artifact.products import as_product, describe
from ceres_fast.engines.agreement import probe_stamps
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.errors import CeresFastError
from ceres_fast.export.proof import NotProven, Proof, comparison_pixels, prove
from ceres_fast.export.proof.report import stamps_needed
from ceres_fast.export.proof.stamps import Stamps, draw_stamps
from ceres_fast.export.proof.tolerances import TOLERANCES, Tolerances, tolerances_for
from ceres_fast.model.load import load_model, predict
from ceres_fast.model.onnx_convert import convert
from ceres_fast.settings.architecture import PRECISIONS

from ...tiny_networks import write_knowing_run
from .known_stamps import Answer, Answering, moved, said, saying

WIDE = Tolerances(difference=1.0, changed=1.0, recall_loss=1.0, alone=1.0)
FOUND, MISSED = (0.9, 0.8, 0.7), (0.4, 0.3, 0.8)
"""Answers on the three exposures of an asteroid that can be linked, and of one that cannot."""

FLOAT32 = "float32"


def proven(answer: Answer, stamps: Stamps | None, tolerances: Tolerances = WIDE, **described: object) -> Proof:
    engine = Answering(answer, **described)
    return prove(engine, stamps, tolerances, said(comparison_pixels(engine.classifier, stamps)))


class TestWhatIsCounted:
    def test_nothing_changes(self) -> None:
        proof = proven(said, saying([FOUND, MISSED], [0.1, 0.6]), TOLERANCES[FLOAT32])
        assert (proof.stamps, proof.probes) == (8, len(probe_stamps()))
        assert (proof.largest, proof.changed, proof.alone) == (0, 0, 0)
        assert proof.recall is not None
        assert (proof.recall.of, proof.recall.lost) == (6, 0)
        assert proof.recall.before == proof.recall.after
        assert proof.recall.before.value == 4 / 6
        assert proof.nights is not None
        assert (proof.nights.of, proof.nights.before.count, proof.nights.after.count) == (2, 1, 1)

    def test_what_is_lost_regained_and_changed(self) -> None:
        answer = moved({0.7: 0.45, 0.4: 0.55, 0.6: 0.2, 0.3: 0.35})
        proof = proven(answer, saying([FOUND, MISSED], [0.1, 0.6]))
        assert proof.recall is not None
        assert (proof.changed, proof.recall.lost, proof.recall.regained) == (3, 1, 1)
        assert proof.recall.loss == 0
        assert proof.largest == pytest.approx(0.4)
        assert proof.largest_of_probes == 0
        # Found in three exposures before, and in two now.
        assert proof.nights is not None
        assert (proof.nights.lost, proof.nights.regained, proof.nights.after.count) == (1, 0, 0)

    def test_what_differs_on_the_built_in_stamps_alone_is_told_apart(self) -> None:
        def answer(pixels: np.ndarray) -> np.ndarray:
            return said(pixels) * np.where(pixels[:, 0, 0, 0] > 2, 0.75, 1)

        proof = proven(answer, saying([FOUND]))
        assert (proof.largest, proof.largest_of_probes, proof.changed) == (0.25, 0.25, 0)
        assert "of the extreme stamps 2.5e-01" in proof.text()

    def test_decisions_are_those_after_the_scaling(self) -> None:
        stamps, answer = saying([(0.4, 0.4, 0.4)], [0.1]), moved({0.4: 0.35})
        assert proven(answer, stamps).changed == 0
        scaling = {"method": "logistic", "temperature": 1.0, "bias": 0.5}  # 0.5 is what the network calls 0.378
        assert proven(answer, stamps, scaling=scaling).changed == 3

    def test_decisions_are_those_of_the_rounded_probabilities_that_are_written(self) -> None:
        proof = proven(moved({0.4999999: 0.5000001}), saying([(0.4999999,) * 3]))
        assert proof.largest > 0
        assert proof.changed == 0
        assert proven(moved({0.499: 0.501}), saying([(0.499,) * 3])).changed == 3

    def test_asteroids_of_a_night_need_three_exposures(self) -> None:
        assert proven(said, saying([(0.9, 0.9), (0.8,)])).nights is None
        unnamed = saying([FOUND])
        unnamed.known["designation"][:] = ""
        assert proven(said, unnamed).nights is None

    def test_no_asteroids(self) -> None:
        proof = proven(said, saying([], [0.1, 0.2]))
        assert (proof.recall, proof.loss_interval, proof.nights) == (None, None, None)
        assert "has no asteroids: nothing is said of recall" in proof.text()


class TestWhatIsRefused:
    MANY = saying([(0.9,)] * 1000, [0.1] * 1000)

    @pytest.mark.parametrize(
        ("precision", "answer", "message"),
        [
            (
                "float32",
                moved({0.1: 0.101}),
                r"^Not exported: a probability .* that of Keras by 0\.001, allowed 0",
            ),
            ("float16", moved({0.1: 0.13}), r"by 0\.03, allowed 0\.02\. Choose --precision float32"),
            ("float32", moved({0.1: 0.6}), r"1,000 of 2,000 decisions .* change \(0\.5\), allowed 0\.001"),
            ("int8", moved({0.1: 0.6}), r"^Not exported: 1,000 of 2,000 decisions .* change \(0\.5\), allowed 0\.02"),
            ("int8", moved({0.9: 0.4}), r"recall falls by 1, allowed 0\.005 \(1,000 lost and 0 regained of 1,000"),
        ],
    )
    def test_beyond_a_bound(self, precision: str, answer: Answer, message: str) -> None:
        with pytest.raises(NotProven, match=message) as caught:
            proven(answer, self.MANY, TOLERANCES[precision], precision=precision)
        assert caught.value.proof is not None
        assert caught.value.proof.stamps == 2000
        assert isinstance(caught.value, CeresFastError)

    @pytest.mark.parametrize(("lost", "refused"), [(5, False), (6, True)])
    def test_int8_may_lose_five_of_a_thousand(self, lost: int, refused: bool) -> None:
        stamps = saying([(0.9,)] * (1000 - lost) + [(0.6,)] * lost)
        expected = pytest.raises(NotProven, match=r"recall falls by 0\.006") if refused else nullcontext()
        with expected:
            found = proven(moved({0.6: 0.4}), stamps, TOLERANCES["int8"], precision="int8").recall
            assert found is not None
            assert found.lost == lost

    def test_what_int8_loses_it_may_regain(self) -> None:
        stamps = saying([(0.9,)] * 980 + [(0.6,)] * 10 + [(0.4,)] * 10)
        proof = proven(moved({0.6: 0.45, 0.4: 0.55}), stamps, TOLERANCES["int8"], precision="int8")
        assert proof.recall is not None
        assert (proof.recall.lost, proof.recall.regained, proof.recall.loss) == (10, 10, 0)

    @pytest.mark.parametrize("stamps", [None, saying([], [0.1, 0.2])])
    def test_int8_cannot_be_proven_without_asteroids(self, stamps: Stamps | None) -> None:
        with pytest.raises(NotProven, match=r"^Not exported: what int8 costs .* with --records\.$"):
            proven(said, stamps, TOLERANCES["int8"], precision="int8")

    def test_a_stamp_without_a_number(self) -> None:
        def broken(pixels: np.ndarray) -> np.ndarray:
            return np.where(pixels[:, 0, 0, 0] == np.float32(0.7), np.nan, said(pixels))

        with pytest.raises(NotProven, match=r"^Not exported: the float32 product gives no number for 1 of 33 .* 33;"):
            proven(broken, saying([FOUND]))
        with pytest.raises(NotProven, match=r"^Not exported: the classifier itself \(Keras\) gives no number for 1"):
            prove(
                Answering(), saying([FOUND]), WIDE, broken(comparison_pixels(Answering().classifier, saying([FOUND])))
            )

    def test_answers_of_another_shape(self) -> None:
        engine = Answering()
        engine.predict = lambda stamps, batch_size=64, *, raw: np.zeros(1, np.float32)  # type: ignore[method-assign]
        with pytest.raises(NotProven, match=r"^Not exported: the float32 product gives answers of shape \(1,\) to 33"):
            prove(engine, saying([FOUND]), WIDE, np.zeros(33, np.float32))


def _of_the_batch_size(pixels: np.ndarray) -> np.ndarray:
    return said(pixels) * (1 if len(pixels) > 1 else 0.9)


def _of_the_place(pixels: np.ndarray) -> np.ndarray:
    return said(pixels) * np.where(np.arange(len(pixels)) % 8 == 3, 0.99, 1)


def _of_a_remainder(pixels: np.ndarray) -> np.ndarray:
    return said(pixels) * (0.99 if len(pixels) == 7 else 1)


def _of_a_neighbour_without_a_number(pixels: np.ndarray) -> np.ndarray:
    return said(pixels) + (np.nan if np.isnan(pixels).any() else 0)


@pytest.mark.parametrize(
    "answer", [_of_the_batch_size, _of_the_place, _of_a_remainder, _of_a_neighbour_without_a_number]
)
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_an_answer_that_depends_on_the_batch_is_refused(answer: Answer, precision: str) -> None:
    tolerances = Tolerances(None, 1.0, 1.0, alone=0.005)
    with pytest.raises(NotProven, match=r"^Not exported: a stamp's answer depends on the others of its batch, by "):
        proven(answer, saying([(1.0,) * 3] * 40), tolerances, precision=precision)


class TestText:
    def test_a_whole_proof(self) -> None:
        stamps = saying([FOUND] * 1000, [0.1] * 96)
        proof = proven(moved({0.7: 0.7001}), stamps, TOLERANCES["float16"], precision="float16")
        heading, *rows = proof.text().splitlines()
        assert heading.startswith("float16 and Keras, on 3,096 stamps of the test split and 30 built-in extreme ones")
        assert [row[:23].strip() for row in rows[:6]] == [
            "largest difference",
            "decisions changed",
            "recall",
            "stamps of asteroids",
            "asteroids of a night",
            "alone or among others",
        ]
        assert "1.0e-04 in P(asteroid) (allowed 0.02)" in rows[0]
        assert "0 of 3,096 at the threshold 0.5 (0, allowed 0.01)" in rows[1]
        assert rows[2].count("1.0000 [0.99") == 2
        assert "0 lost, 0 regained of 3,000: loss 0.0000 [-0.00" in rows[3]
        assert "0 lost, 0 regained of 1,000 seen often enough to be linked" in rows[4]
        # Enough: none of 1,000 asteroids, however alike their exposures, shows a loss below 0.005.
        assert rows[6:] == []

    def test_few_asteroids_show_little(self) -> None:
        *_, remark = proven(said, saying([FOUND] * 5), TOLERANCES[FLOAT32]).text().splitlines()
        assert remark.startswith("15 stamps of asteroids cannot show that the loss is not above 0.005: with 95 % ")
        assert "it is not above 0.58" in remark  # 1 - 0.0125 ** (1 / 5)
        assert remark.endswith("With none lost, 875 independent ones could.")

    @pytest.mark.parametrize("loss", [0.001, 0.005, 0.1])
    def test_how_many_are_needed(self, loss: float) -> None:
        assert (1 - loss) ** stamps_needed(loss) <= 0.0125 < (1 - loss) ** (stamps_needed(loss) - 1)

    def test_without_records(self) -> None:
        proof = proven(said, None, TOLERANCES[FLOAT32])
        assert (proof.stamps, proof.split) == (0, "")
        assert "name some with --records" in proof.text()
        assert "recall  " not in proof.text()

    def test_whose_records_they_are(self) -> None:
        other = proven(said, saying([FOUND]), records={"name": "x", "manifest_sha256": "1" * 64})
        assert not other.trained_on
        assert "not those of the training" in other.text()
        validation = proven(said, saying([FOUND], split="validation"))
        assert validation.trained_on
        assert validation.text().endswith("on this one training has chosen its best epoch.")
        int8 = proven(said, saying([FOUND], split="validation"), precision="int8")
        assert int8.text().endswith("best epoch and the export what stays in floating point.")

    def test_json_holds_it(self) -> None:
        proof = proven(said, saying([FOUND] * 3, [0.1]), TOLERANCES["float16"], precision="float16")
        read = json.loads(json.dumps(proof.as_dict()))
        assert read["reference"] == "Keras"
        assert read["bounds"] == {"difference": 0.02, "changed": 0.01, "recall_loss": 0.005, "alone": 0.01}
        assert read["recall"]["before"]["value"] == 1

    def test_an_engine_beside_its_onnx_file(self) -> None:
        engine, stamps = Answering(moved({0.7: 0.7001})), saying([FOUND] * 3)
        answers = said(comparison_pixels(engine.classifier, stamps))
        found = prove(engine, stamps, WIDE, answers, "classifier.onnx on the CPU").text()
        assert found.startswith("float32 and classifier.onnx on the CPU, on 9 stamps of the test split and 30 ")
        with pytest.raises(NotProven, match=r"that of classifier\.onnx on the CPU by .* Classify with the ONNX"):
            prove(engine, stamps, TOLERANCES[FLOAT32], answers * 0.9, "classifier.onnx on the CPU")


class TestBounds:
    def test_every_precision_of_training_has_bounds(self) -> None:
        for precision in TOLERANCES:
            assert tolerances_for(precision) == TOLERANCES[precision]
            for trained in PRECISIONS:
                found = tolerances_for(precision, trained)
                assert found.recall_loss == TOLERANCES[precision].recall_loss
                assert found.alone == TOLERANCES[precision].alone
                assert found.changed >= TOLERANCES[precision].changed

    def test_the_coarser_rounding_decides(self) -> None:
        assert tolerances_for("float32", "mixed_float16").difference == TOLERANCES["float16"].difference
        assert tolerances_for("float16", "mixed_float16") == TOLERANCES["float16"]
        assert tolerances_for("float16", "mixed_bfloat16").difference == 0.05
        assert tolerances_for("int8", "mixed_float16").difference is None


@pytest.mark.usefixtures("tiny_classifier")
def test_a_network_and_its_onnx_file(tiny_records: Path, tmp_path: Path) -> None:
    classifier = read_classifier(write_knowing_run(tmp_path / "run"))
    model = load_model(classifier)
    onnx.save(describe(convert(model), as_product(classifier, "float32")), tmp_path / "classifier.onnx")
    stamps = draw_stamps(tiny_records, classifier)
    engine, pixels = OnnxRuntimeEngine(tmp_path / "classifier.onnx"), comparison_pixels(classifier, stamps)
    proof = prove(engine, stamps, tolerances_for("float32"), predict(model, pixels)[:, 1])
    assert proof.changed == 0
    assert proof.largest < 1e-5
    assert proof.alone < 1e-5
    assert proof.recall is not None
    assert proof.recall.before.value == 1
    assert (proof.recall.of, proof.split) == (int(stamps.asteroids.sum()), "test")
    assert proof.nights is not None
    assert proof.nights.of == len(np.unique(stamps.known["designation"][stamps.asteroids]))
    model.set_weights([1.01 * each for each in model.get_weights()])
    with pytest.raises(NotProven, match=r"^Not exported: a probability differs"):
        prove(engine, stamps, tolerances_for("float32"), predict(model, pixels)[:, 1])
