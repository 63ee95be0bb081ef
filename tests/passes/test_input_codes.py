import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.errors import PassError
from neurofer.ir import BINARY, REAL, Contract, Domain
from neurofer.ir import nodes as n
from neurofer.passes.input_codes import input_codes
from neurofer.passes.proof import prove
from neurofer.passes.to_grid import to_grid
from tests.passes import shuffled
from tests.passes.equivalence import assert_same
from tests.strategies import chain


def image_network(domain=REAL, scale=16.0):
    rng = np.random.default_rng(0)
    conv = n.Conv2d(rng.normal(size=(4, 1, 3, 3)).astype(np.float32), rng.normal(size=4), padding=1)
    contract = Contract(steps=3, encoder="constant", preprocessing=f"divided by {scale:g}")
    return chain(n.Input((1, 5, 5), domain), ("conv", conv), ("spike", n.Neuron()), contract=contract)


def codes(samples=3, levels=16):
    return np.random.default_rng(1).integers(0, levels + 1, (samples, 1, 5, 5)).astype(np.float32)


def test_the_scale_moves_into_the_first_layer():
    before = image_network()
    after = input_codes(before, levels=16, scale=16.0)
    assert after.domains["input0"] == Domain("code", 16)
    assert after.contract.preprocessing == "integers 0..16; their scale 1/16 sits in conv"
    # a scale that is a power of two rounds nothing
    first, second = reference.run(before, codes() / 16), reference.run(after, codes())
    assert np.array_equal(first.unpack("spike"), second.unpack("spike"))
    assert first.count


def test_integers_are_proved_where_an_analog_image_is_not():
    rng = np.random.default_rng(2)
    assert not any(proof.proved for proof in prove(image_network()).values())
    program = to_grid(input_codes(image_network(), levels=255, scale=255.0))
    assert all(proof.proved for proof in prove(program).values())
    x = codes(levels=255)
    assert_same(program, program, x)
    assert np.array_equal(reference.run(program, x).unpack("spike"), shuffled.load(program, rng).run(x).unpack("spike"))


def test_an_input_that_feeds_something_else_is_refused():
    program = chain(n.Input((2,)), ("spike", n.Neuron()))
    with pytest.raises(PassError, match="cannot enter as integers") as error:
        input_codes(program, levels=255, scale=255.0)
    assert "the input feeds a Neuron" in str(error.value)


def test_an_input_that_is_no_image_is_refused():
    with pytest.raises(PassError, match="is binary already"):
        input_codes(image_network(BINARY), levels=255, scale=255.0)
