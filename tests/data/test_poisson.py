import numpy as np
import pytest

from neurofer.data.poisson import encode_poisson
from neurofer.errors import UsageError


def spikes(x, steps, seed=0):
    return encode_poisson(x, steps, np.random.default_rng(seed))


def test_rate_is_the_value():
    x = np.array([[0.0, 0.25, 0.5, 1.0]])
    out = spikes(x, 20_000)
    assert out.dtype == np.uint8
    assert out.shape == (20_000, 1, 4)
    rate = out.mean(0)[0]
    assert rate[0] == 0
    assert rate[3] == 1
    assert np.allclose(rate[1:3], [0.25, 0.5], atol=0.015)  # four standard deviations


def test_draws_follow_the_seed_and_steps_differ():
    x = np.full((2, 1, 8, 8), 0.5)
    assert np.array_equal(spikes(x, 4), spikes(x, 4))
    assert not np.array_equal(spikes(x, 4), spikes(x, 4, seed=1))
    assert not np.array_equal(spikes(x, 4)[0], spikes(x, 4)[1])
    assert np.array_equal(spikes(x, 6)[:4], spikes(x, 4))


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf])
def test_values_that_are_no_probability_are_refused(value):
    with pytest.raises(UsageError, match=r"values in \[0, 1\]"):
        spikes(np.array([value]), 2)
