import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.backends.reference import run
from neurofer.errors import PassError
from neurofer.ir import Edge, Program
from neurofer.ir import nodes as n
from neurofer.passes import fold_batchnorm
from tests.passes.equivalence import assert_same, kinds
from tests.strategies import Sketch, batchnorms, chain, dyadic, frames, programs, rngs


@given(programs(blocks=("batchnorm", "recurrent", "residual")), rngs)
def test_dyadic_parameters_fold_bit_for_bit(program, rng):
    folded = fold_batchnorm(program)
    assert n.BatchNorm not in kinds(folded)
    assert_same(program, folded, frames(rng, program))


@given(st.data(), rngs)
def test_other_parameters_fold_up_to_one_rounding_of_each_weight(data, rng):
    conv = n.Conv2d(rng.normal(size=(3, 2, 3, 3)).astype(np.float32), dyadic(rng, 3), padding=1)
    norm = data.draw(batchnorms(3, exact=False))
    program = chain(n.Input((2, 4, 5)), ("conv", conv), ("norm", norm))
    folded = fold_batchnorm(program)
    x = frames(rng, program)
    layer = folded.nodes["conv"]
    assert layer.weight.dtype == layer.bias.dtype == np.float32
    terms = chain(n.Input((2, 4, 5)), n.Conv2d(np.abs(layer.weight), np.abs(layer.bias), padding=1))
    bound = run(terms, np.abs(x)).outputs["output"] * 2.0**-24 * (1 + 1e-6) + 1e-12
    difference = np.abs(run(program, x).outputs["output"] - run(folded, x).outputs["output"])
    assert np.all(difference <= bound)


@given(st.data(), rngs)
def test_one_after_the_other_and_in_one_and_no_dimension(data, rng):
    line = chain(
        n.Input((2, 7)),
        ("conv", n.Conv1d(dyadic(rng, (4, 2, 3)), padding=1)),
        data.draw(batchnorms(4)),
        data.draw(batchnorms(4)),
        n.Flatten(),
        ("linear", n.Linear(dyadic(rng, (3, 28)), dyadic(rng, 3))),
        data.draw(batchnorms(3)),
        ("neuron", n.Neuron()),
    )
    folded = fold_batchnorm(line)
    assert list(folded.nodes) == ["input0", "conv", "flatten4", "linear", "neuron", "output"]
    assert_same(line, folded, frames(rng, line))


def test_a_double_weight_stays_double():
    norm = n.BatchNorm(np.zeros(1), np.full(1, 3.0), np.ones(1), np.zeros(1))
    folded = fold_batchnorm(chain(n.Input((1,)), ("linear", n.Linear(np.ones((1, 1)))), norm))
    assert folded.nodes["linear"].weight.item() == 1 / np.sqrt(3.0 + 1e-5)


def test_all_that_cannot_be_folded_is_named():
    norm = n.BatchNorm(*np.ones((4, 2)))
    linear = n.Linear(np.ones((2, 2)))
    sketch = Sketch()
    sketch.add(n.Input((2,)), "input")
    sketch.add(norm, "first")
    sketch.add(linear, "shared")
    sketch.add(norm, "second")
    sketch.add(norm, "sum", ["second", "shared"])
    sketch.add(linear, "layer")
    sketch.add(n.BatchNorm(np.ones(2), -np.ones(2), np.ones(2), np.ones(2)), "negative")
    sketch.add(n.Output(), "output")
    with pytest.raises(PassError) as error:
        fold_batchnorm(sketch.program())
    assert [p.where for p in error.value.problems] == ["first", "second", "sum", "negative"]
    text = str(error.value)
    assert "first: it follows input, a Input" in text
    assert "second: the layer shared before it also feeds sum" in text
    assert "sum: it normalises a sum of 2 inputs" in text
    assert "negative: its variance plus eps is not positive" in text


def test_a_delayed_edge_cannot_be_folded_over():
    program = chain(n.Input((2,)), ("linear", n.Linear(np.eye(2))), ("norm", n.BatchNorm(*np.ones((4, 2)))))
    edges = [Edge(e.source, e.target, int(e.target == "norm")) for e in program.edges]
    with pytest.raises(PassError, match="norm: it sees linear a step late"):
        fold_batchnorm(Program(program.nodes, edges))


def test_a_program_without_batchnorm_is_returned_as_it_is():
    program = chain(n.Input((3,)), n.Neuron())
    assert fold_batchnorm(program) is program
