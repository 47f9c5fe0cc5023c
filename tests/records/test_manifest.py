import dataclasses
import hashlib
import json

import pytest

from ceres_fast.errors import InputError
from ceres_fast.frames.profiles import camera_of, load_camera
from ceres_fast.records.manifest import Manifest, load_manifest, write_manifest


def change(folder, **values):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_what_is_written_is_read(built, tmp_path):
    write_manifest(built, tmp_path)
    assert load_manifest(tmp_path) == built
    assert load_manifest(tmp_path / "manifest.json") == built


def test_its_own_digest_and_folder(built):
    content = (built.folder / "manifest.json").read_bytes()
    assert built.sha256 == hashlib.sha256(content).hexdigest()
    assert str(built.folder).encode() not in content
    assert all(path.is_file() for path in built.shards("train"))


def test_counts(built):
    assert sum(built.count(split) for split in built.splits) == 120
    assert list(built.class_counts("train")) == ["non_asteroid", "asteroid"]
    assert sum(built.class_counts(split)["asteroid"] for split in built.splits) == 36


def test_missing(tmp_path):
    with pytest.raises(InputError, match=r"manifest.json: does not exist.*build-records"):
        load_manifest(tmp_path)


@pytest.mark.parametrize("size", [0, 1, 100, 5000])
def test_truncated(copied, size):
    path = copied / "manifest.json"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"manifest.json: is not valid JSON"):
        load_manifest(copied)


@pytest.mark.parametrize(
    ("version", "action"),
    [
        (3, "Install a newer ceres-fast"),
        (1, "Build the records again"),
        (0, "Build the records again"),
        ("2", "Build the records again"),
        (True, "Build the records again"),
        (None, "Build the records again"),
    ],
)
def test_another_format_version(copied, version, action):
    change(copied, format_version=version)
    with pytest.raises(InputError, match=rf"has the format version {version!r}; expected version 2. {action}"):
        load_manifest(copied)


KEYS = [name for name in Manifest.__annotations__ if name not in ("folder", "sha256", "format_version")]


@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("camera", "lost_file")])
def test_a_missing_key(copied, key):
    path = copied / "manifest.json"
    value = json.loads(path.read_text())
    del value[key]
    path.write_text(json.dumps(value))
    with pytest.raises(InputError, match=rf"manifest.json: lacks {key}; expected .*Build the records again"):
        load_manifest(copied)


def test_the_profile_of_the_camera_is_kept_whole(built, tmp_path):
    assert "camera" not in json.loads((built.folder / "manifest.json").read_text())
    write_manifest(dataclasses.replace(built, camera=load_camera("decam").as_dict()), tmp_path)
    assert camera_of(load_manifest(tmp_path).camera) == load_camera("decam")
    change(tmp_path, camera={"name": "x", "origin": 3})
    with pytest.raises(InputError, match=r"manifest.json: camera\.origin is 3; expected 0 or 1"):
        load_manifest(tmp_path)


WRONG = [
    (key, value) for key in KEYS for value in ([1], {"a": -1}, -1.5, "../x") if (key, value) != ("ceres_fast", "../x")
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_wrong_value(copied, key, value):
    change(copied, **{key: value})
    with pytest.raises(InputError, match=f"{key}|rules"):
        load_manifest(copied)


@pytest.mark.parametrize("shape", [[32, 32], [32, 32, 2], [32, 32, 3], [16, 16, 1]])
def test_stamps_of_another_shape(copied, shape):
    stamp = json.loads((copied / "manifest.json").read_text())["stamp"]
    assert (stamp["shape"], stamp["planes"]) == ([32, 32, 1], ["science"])
    change(copied, stamp=stamp | {"shape": shape})
    with pytest.raises(InputError, match=r"manifest\.json: stamp is"):
        load_manifest(copied)


def test_three_planes(copied):
    stamp = json.loads((copied / "manifest.json").read_text())["stamp"]
    change(copied, stamp=stamp | {"shape": [32, 32, 3], "planes": ["science", "template", "difference"]})
    manifest = load_manifest(copied)
    assert manifest.stamp_shape == (32, 32, 3)
    assert manifest.planes == ("science", "template", "difference")


def test_an_unknown_key(copied):
    change(copied, extra=1)
    with pytest.raises(InputError, match="has unknown extra"):
        load_manifest(copied)


@pytest.mark.parametrize(
    ("change_shard", "message"),
    [
        ({"file": "../../etc/passwd"}, r"splits.train.shards\[0\].file is '../../etc/passwd'"),
        ({"file": "stamps-test.tfrecord-00000-of-00003"}, r"expected 'stamps-train.tfrecord-00000-of-00003'"),
        ({"count": -1}, r"splits.train.shards\[0\].count is -1; expected a whole number from 0 on"),
        ({"count": 10**6}, "splits.train.classes is"),
        ({"asteroids": 10**6}, "splits.train.classes is"),
        ({"sha256": "x"}, "sha256 is 'x'; expected 64 hexadecimal digits"),
        ({"more": 1}, r"splits.train.shards\[0\] has unknown more"),
    ],
)
def test_a_wrong_shard(copied, change_shard, message):
    splits = json.loads((copied / "manifest.json").read_text())["splits"]
    splits["train"]["shards"][0].update(change_shard)
    change(copied, splits=splits)
    with pytest.raises(InputError, match=message):
        load_manifest(copied)


def test_more_stamps_than_a_shard_has_bytes_for(copied):
    splits = json.loads((copied / "manifest.json").read_text())["splits"]
    train = splits["train"]
    train["classes"]["non_asteroid"] += 10**12 - train["shards"][0]["count"]
    train["shards"][0]["count"] = 10**12
    change(copied, splits=splits)
    with pytest.raises(InputError, match=r"train.shards\[0\].count is 1000000000000; expected at most \d+ stamps"):
        load_manifest(copied)


def test_wrong_rules(copied):
    rules = json.loads((copied / "manifest.json").read_text())["rules"]
    change(copied, rules=rules | {"match_radius": -2})
    with pytest.raises(InputError, match=r"rules that do not fit.*match_radius"):
        load_manifest(copied)


def test_no_json_object(copied):
    (copied / "manifest.json").write_text("[]")
    with pytest.raises(InputError, match="not an object"):
        load_manifest(copied)


def test_an_account_that_does_not_add_up(copied):
    change(copied, reconciliation={"records": {"input": 3, "dropped": {"over_quota": 1}, "kept": 1}})
    with pytest.raises(InputError, match=r"reconciliation\.records does not add up, of 3, 2 are accounted for"):
        load_manifest(copied)
