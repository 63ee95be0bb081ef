import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurofer.ir import Readout, Spikes
from neurofer.ir.trace import decision, read


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 4), st.sampled_from([(), (3,), (2, 3)]))
def test_spikes_survive_packing(seed, steps, samples, shape):
    train = np.random.default_rng(seed).integers(0, 2, (steps, samples, *shape)).astype(np.uint8)
    spikes = Spikes.pack(train)
    assert np.array_equal(spikes.unpack(), train)
    assert spikes.shape == shape
    assert spikes.count == train.sum()
    assert np.array_equal(spikes.per_neuron, train.sum(axis=(0, 1)))
    assert spikes.rate == train.sum() / (samples * np.prod(shape, dtype=int))


def test_readouts():
    output = np.array([[[1.0, 2.0]], [[4.0, 0.0]]])  # two steps, one sample, two classes
    assert read(output, Readout("sum")).tolist() == [[5.0, 2.0]]
    assert read(output, Readout("last")).tolist() == [[4.0, 0.0]]
    assert read(output, Readout("rate")).tolist() == [[2.5, 1.0]]
    assert read(output, Readout("argmax")).tolist() == [0.0]
    assert decision(np.array([[1.0, 3.0], [2.0, 0.0]])).tolist() == [1, 0]
