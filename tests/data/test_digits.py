import numpy as np
import pytest

from neurofer.data import DataSpec, load
from neurofer.errors import UsageError

SPEC = DataSpec(name="digits", shape=(1, 8, 8), classes=10, scale=16.0)


def test_digits_are_exact_sixteenths_in_the_same_parts():
    data = load(SPEC)
    x = np.concatenate([data.train.x, data.validation.x, data.test.x])
    assert x.shape == (1797, 1, 8, 8)
    assert x.dtype == np.float32
    assert np.array_equal(np.unique(x), np.arange(17) / 16)
    assert [len(part.y) for part in (data.train, data.validation, data.test)] == [1295, 143, 359]
    assert np.bincount(data.test.y).min() >= 35
    assert data.fingerprint() == load(SPEC).fingerprint()


def test_another_shape_is_refused():
    with pytest.raises(UsageError, match=r"not 10 of \(1, 48, 48\)"):
        load(DataSpec(name="digits", shape=(1, 48, 48), classes=10))
