import json

import numpy as np
import pytest

from neurofer.data.faces.weights import read_weights
from neurofer.errors import ReadError
from tests.data.faces.networks import write_weights

ARRAYS = {"a": np.linspace(-1, 3, 12).reshape(3, 4), "b": np.array([5.0])}


@pytest.mark.parametrize("stored", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shards", [1, 3])
def test_arrays_come_back_as_they_were_stored(tmp_path, stored, shards):
    path, kept = write_weights(tmp_path, ARRAYS, stored=stored, shards=shards)
    found = read_weights(path)
    assert list(found) == ["a", "b"]
    for name, array in kept.items():
        assert found[name].dtype == np.float32
        assert found[name] == pytest.approx(array)
    assert found["a"] == pytest.approx(ARRAYS["a"], abs=4 / 255)


def edited(path, edit):
    document = json.loads(path.read_text())
    edit(document[0])
    path.write_text(json.dumps(document))


def test_a_shard_that_is_cut_off_is_told(tmp_path):
    path, _ = write_weights(tmp_path, ARRAYS)
    shard = tmp_path / "drawn-shard1"
    shard.write_bytes(shard.read_bytes()[:-2])
    with pytest.raises(ReadError, match="the shards hold 11 bytes, and the manifest tells of 13\n  next: get complete"):
        read_weights(path)


def test_a_missing_shard_is_named(tmp_path):
    path, _ = write_weights(tmp_path, ARRAYS)
    (tmp_path / "drawn-shard1").unlink()
    with pytest.raises(ReadError, match="drawn-shard1: cannot be read: No such file"):
        read_weights(path)


def test_shards_outside_the_folder_strange_numbers_and_shapes_are_told_at_once(tmp_path):
    path, _ = write_weights(tmp_path, ARRAYS)

    def spoil(group):
        group["paths"] = ["../secret", "", "nul\0"]
        group["weights"][0]["quantization"]["dtype"] = "int3"
        group["weights"][1]["shape"] = [-1]

    edited(path, spoil)
    with pytest.raises(ReadError) as refused:
        read_weights(path)
    assert [str(problem) for problem in refused.value.problems] == [
        "'../secret': a shard lies beside its manifest",
        "'': a shard lies beside its manifest",
        "'nul\\x00': a shard lies beside its manifest",
        "a: numbers of type int3 (instead: uint8, uint16, float32)",
        "b: shape [-1]",
    ]


@pytest.mark.parametrize("content", [b"", b"[1]", b"{}", b"\xff\xfe", b'[{"weights": []}]'])
def test_what_is_no_manifest_is_refused(tmp_path, content):
    path = tmp_path / "m.json"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"this is no manifest of weights: .*\n  next: give the \*-weights_manifest"):
        read_weights(path)


def test_a_shape_of_absurd_size_is_no_reason_to_ask_for_memory(tmp_path):
    path, _ = write_weights(tmp_path, ARRAYS)
    edited(path, lambda group: group["weights"][0].update(shape=[10**7, 10**7]))
    with pytest.raises(ReadError, match="the shards hold 13 bytes"):
        read_weights(path)


@pytest.mark.parametrize("shape", [[0, 10**30], [1] * 99], ids=["long", "deep"])
def test_shapes_that_no_array_can_have_are_told(tmp_path, shape):
    path, _ = write_weights(tmp_path, ARRAYS)
    edited(path, lambda group: group["weights"][0].update(shape=shape))
    with pytest.raises(ReadError, match="a: shape"):
        read_weights(path)
