from dataclasses import replace

import numpy as np
import pytest

from neurofer.data import Arrays, Dataset, DataSpec, load
from neurofer.data.copies import find_copies, without_copies
from neurofer.errors import UsageError


def part(*values):
    x = np.array(values, np.float32).reshape(-1, 1, 1, 1) * np.ones((1, 1, 2, 2), np.float32)
    return Arrays(x, np.arange(len(values)) % 2)


DATA = Dataset("drawn", part(1, 1, 2), part(2, 3, 4), part(1, 3, 5, 5))


def test_copies_are_found_in_each_earlier_part():
    copies = find_copies(DATA)
    assert copies.validation.tolist() == [True, False, False]
    assert copies.test.tolist() == [True, False, False, False]
    assert copies.test_of_validation.tolist() == [False, True, False, False]


def test_what_is_left_holds_no_copy_and_keeps_its_labels():
    data = without_copies(DATA)
    assert data.train is DATA.train
    assert data.validation.x[:, 0, 0, 0].tolist() == [3, 4]
    assert data.test.x[:, 0, 0, 0].tolist() == [5, 5]
    assert data.test.y.tolist() == [0, 1]
    assert not any(found.any() for found in vars(find_copies(data)).values())


def test_data_without_copies_stay_as_they_are():
    data = replace(DATA, validation=part(6), test=part(7))
    assert without_copies(data).fingerprint() == data.fingerprint()


def test_a_recipe_asks_for_it_whatever_the_data(tmp_path):
    x = np.repeat(np.random.default_rng(0).random((10, 1, 2, 2)), 6, axis=0)
    np.savez(tmp_path / "twins.npz", x=x, y=np.arange(60) % 3)
    spec = DataSpec(name="twins", shape=(1, 2, 2), classes=3)
    assert find_copies(load(spec, tmp_path / "twins.npz")).test.all()
    distinct = DataSpec(name="twins", shape=(1, 2, 2), classes=3, distinct=True)
    with pytest.raises(UsageError, match=r"twins\.npz: every validation or every test sample is a copy"):
        load(distinct, tmp_path / "twins.npz")
    x[5::6] += np.arange(10)[:, None, None, None] + 1
    np.savez(tmp_path / "twins.npz", x=x, y=np.arange(60) % 3)
    with_copies, without = (load(each, tmp_path / "twins.npz") for each in (spec, distinct))
    assert 0 < len(without.test.y) < len(with_copies.test.y)
    assert not find_copies(without).test.any()
