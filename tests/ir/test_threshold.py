import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.ir.threshold import spike_threshold


def fires(u, theta, compare):
    return u >= theta if compare == ">=" else u > theta


@pytest.mark.parametrize("reader", [">=", ">"])
@pytest.mark.parametrize("compare", [">=", ">"])
@given(theta=st.floats(-1e30, 1e30))
def test_every_float32_membrane_is_decided_the_same(compare, reader, theta):
    moved = spike_threshold(theta, compare, reader)
    assert moved.dtype == np.float32
    near = np.float32(theta)
    around = [near]
    for _ in range(2):
        around = [np.nextafter(around[0], np.float32(-np.inf)), *around, np.nextafter(around[-1], np.float32(np.inf))]
    for u in around:
        assert fires(u, moved[()], reader) == fires(np.float64(u), theta, compare)


def test_arrays_keep_their_shape():
    assert spike_threshold(np.array([[0.5, 1.0]]), ">=", ">").shape == (1, 2)
