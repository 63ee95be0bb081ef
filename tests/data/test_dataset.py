import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.data.dataset import Arrays, split
from neurofer.errors import UsageError


@given(st.lists(st.integers(3, 40), min_size=1, max_size=5), st.integers(0, 1000))
def test_parts_are_disjoint_complete_and_stratified(counts, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    data = split("numbers", np.arange(len(y)), y, seed=seed)
    parts = (data.train, data.validation, data.test)
    assert sorted(np.concatenate([part.x for part in parts])) == list(range(len(y)))
    for part in parts:
        assert np.array_equal(y[part.x], part.y)
    for label, count in enumerate(counts):
        train, validation, test = (int((part.y == label).sum()) for part in parts)
        assert test == max(1, round(0.2 * count))
        assert validation == max(1, round(0.1 * (count - test)))
        assert train >= 1


def test_split_follows_the_seed():
    y = np.arange(60) % 3
    first, again, other = (split("n", np.arange(60), y, seed=seed) for seed in (0, 0, 1))
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


def test_fingerprint_sees_types_shapes_and_values():
    y = np.arange(9) % 3
    prints = {
        split("n", x, y).fingerprint()
        for x in (np.zeros((9, 4)), np.zeros((9, 2, 2)), np.zeros((9, 8), np.float32), np.ones((9, 4)))
    }
    assert len(prints) == 4


def test_too_small_a_class_is_refused():
    with pytest.raises(UsageError, match="class 1 has 2 samples"):
        split("n", np.zeros((5, 1)), np.array([0, 0, 0, 1, 1]))


def test_arrays_are_frozen():
    with pytest.raises(AttributeError):
        Arrays(np.zeros(1), np.zeros(1, np.int64)).x = np.ones(1)
