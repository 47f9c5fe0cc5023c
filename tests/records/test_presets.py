import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.records.presets import PRESETS, quotas_of, scaled


def test_table_1_is_as_published():
    assert {split: tuple(classes.values()) for split, classes in quotas_of("table1").items()} == {
        "train": (38146, 21733),
        "validation": (433, 747),
        "test": (5983, 2331),
    }
    assert quotas_of("table1") == PRESETS["table1"]


def test_a_part_of_a_preset():
    assert quotas_of("table1/8")["validation"] == {"non_asteroid": 54, "asteroid": 93}
    assert quotas_of("table1/1") == quotas_of("table1")


@pytest.mark.parametrize("preset", ["", "table2", "table1/", "table1/0", "table1/x", "table1/-2", "/8", "table1/8/2"])
def test_there_is_no_such_preset(preset):
    with pytest.raises(CeresFastError, match="there is table1, and a part of it"):
        quotas_of(preset)


def test_a_part_without_stamps_is_refused():
    with pytest.raises(CeresFastError, match="1/434 of the preset leaves a class"):
        scaled(PRESETS["table1"], 434)
