import numpy as np
import pytest

from neurofer.data.faces.network import ARCHITECTURES, Network
from neurofer.errors import ReadError
from tests.data.faces.networks import drawn_weights, in_torch, write_weights


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(1).integers(0, 256, (112, 112, 3), np.uint8)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=["large", "tiny"])
def test_landmarks_are_those_of_the_same_network_in_torch(tmp_path, picture, architecture):
    path, weights = write_weights(tmp_path, drawn_weights(architecture))
    points, expected = Network(path)(picture), in_torch(weights, picture)
    assert np.ptp(expected) > 50  # else equal points would prove little
    assert points == pytest.approx(expected, rel=1e-4, abs=1e-3 * np.abs(expected).max())


def test_the_published_weights_give_what_torch_gives(landmarks, picture):
    from neurofer.data.faces.weights import read_weights

    expected = in_torch(read_weights(landmarks), picture)
    assert Network(landmarks)(picture) == pytest.approx(expected, abs=1e-2)


def test_all_that_differs_from_the_network_is_told_at_once(tmp_path):
    weights = drawn_weights()
    weights["dense1/conv1/bias"] = weights["dense1/conv1/bias"][:-1]
    weights["dense9/conv0/bias"] = weights.pop("dense2/conv2/bias")
    path, _ = write_weights(tmp_path, weights)
    with pytest.raises(ReadError) as refused:
        Network(path)
    assert [str(problem) for problem in refused.value.problems] == [
        "dense1/conv1/bias: shape [63], expected [64]",
        "dense2/conv2/bias: missing",
        "dense9/conv0/bias: unknown",
    ]
    assert str(refused.value).startswith(f"{path}: these are not the weights of a 68-landmark network")


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    weights = drawn_weights()
    weights["fc/bias"][3] = np.nan
    path, _ = write_weights(tmp_path, weights, stored="float32")
    with pytest.raises(ReadError, match="fc/bias: numbers that are not finite"):
        Network(path)
