import numpy as np
import pytest

from neurofer.errors import UsageError
from neurofer.train.grid import levels, to_codes
from neurofer.train.recipe import load_recipe


def test_images_become_the_integers_they_were():
    stored = np.random.default_rng(0).integers(0, 256, (4, 1, 6, 6))
    codes, whole = to_codes((stored / 255.0).astype(np.float32), 255)
    assert codes.dtype == np.uint8
    assert np.array_equal(codes, stored)
    assert whole


def test_images_that_were_none_are_rounded_and_told():
    codes, whole = to_codes(np.array([0.1, 0.5, 1.2], np.float32), 16)
    assert codes.tolist() == [2, 8, 16]
    assert not whole


def test_a_recipe_says_how_many_levels():
    assert (levels(load_recipe("digits")), levels(load_recipe("conv-snn"))) == (16, 255)
    with pytest.raises(UsageError, match=r"data.scale = 1"):
        levels(load_recipe("spiking-fer"))
