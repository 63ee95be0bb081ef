"""Drawn input: seeded, over the whole domain of every Input, in the shape that the encoder asks for."""

import numpy as np
import pytest

from neurofer.data.draw import draw_input
from neurofer.ir import BINARY, Contract
from neurofer.ir import nodes as n
from neurofer.ir.domain import Domain
from tests.networks import in_a_row


def drawn(domain=BINARY, encoder="events", seed=0):
    program = in_a_row({"input": n.Input((20, 3), domain), "output": n.Output()}, Contract(steps=4, encoder=encoder))
    x, origin = draw_input(program, steps=4, samples=2, density=0.5, seed=seed)
    assert "density 0.5" in origin
    return x["input"]


@pytest.mark.parametrize(("encoder", "lead"), [("events", (4, 2)), ("constant", (2,))])
def test_the_encoder_gives_the_shape(encoder, lead):
    assert drawn(encoder=encoder).shape == (*lead, 20, 3)


@pytest.mark.parametrize(("domain", "top"), [(BINARY, 1), (Domain("integer", 3), 3), (Domain("code", 255), 255)])
def test_values_reach_over_the_domain(domain, top):
    x = drawn(domain)
    assert x.dtype == np.uint8
    assert 0.9 * top < x.max() <= top
    assert 0.3 < np.mean(x == 0) < 0.7


def test_a_seed_gives_the_same_again():
    assert np.array_equal(drawn(seed=3), drawn(seed=3))
    assert not np.array_equal(drawn(seed=3), drawn(seed=4))
