from hypothesis import given
from hypothesis import strategies as st

from neurofer.ir import Edge, Program
from neurofer.ir import nodes as n
from neurofer.passes import drop_dropout
from tests.passes.equivalence import assert_same, kinds
from tests.strategies import Sketch, chain, dyadic, frames, programs, rngs


@given(programs(blocks=("dropout", "residual", "branch", "recurrent", "avgpool")), rngs)
def test_the_rest_computes_the_same(program, rng):
    dropped = drop_dropout(program)
    assert n.Dropout not in kinds(dropped)
    assert_same(program, dropped, frames(rng, program))


def test_a_program_without_dropout_is_returned_as_it_is():
    program = chain(n.Input((3,)), n.Neuron())
    assert drop_dropout(program) is program


def joined(rng, *, order=("drop", "c"), summed=False):
    """Two layers joined by a Concat, one behind a Dropout (of the sum of two layers)."""
    sketch = Sketch()
    sketch.add(n.Input((3,)), "input")
    first = [sketch.add(n.Linear(dyadic(rng, (2, 3))), name, ["input"]) for name in ("a", "b")[: 1 + summed]]
    sketch.add(n.Dropout(), "drop", first)
    sketch.add(n.Linear(dyadic(rng, (2, 3))), "c", ["input"])
    sketch.add(n.Concat(0), "join", order)
    sketch.add(n.Neuron(), "neuron")
    sketch.add(n.Output(), "output")
    return sketch.program()


@given(st.permutations(("drop", "c")), rngs)
def test_what_a_concat_joins_keeps_its_order(order, rng):
    program = joined(rng, order=order)
    dropped = drop_dropout(program)
    assert [e.source for e in dropped.predecessors("join")] == ["a" if name == "drop" else name for name in order]
    assert_same(program, dropped, frames(rng, program))


@given(rngs)
def test_a_sum_that_enters_a_concat_stays_one_part(rng):
    program = joined(rng, summed=True)
    dropped = drop_dropout(program)
    assert dropped.nodes["drop"] == n.Scale(1.0)
    assert_same(program, dropped, frames(rng, program))


@given(rngs)
def test_a_sum_of_a_value_and_its_dropout_stays_a_sum(rng):
    sketch = Sketch()
    sketch.add(n.Input((3,)), "input")
    sketch.add(n.Dropout(), "drop")
    sketch.add(n.Neuron(), "neuron", ["input", "drop"])
    sketch.add(n.Output(), "output")
    program = sketch.program()
    dropped = drop_dropout(program)
    assert dropped.nodes["drop"] == n.Scale(1.0)
    assert_same(program, dropped, frames(rng, program))


@given(rngs)
def test_two_delays_in_a_row_stay_two(rng):
    nodes = {
        "input": n.Input((3,)),
        "scaled": n.Scale(0.5),
        "first": n.Neuron(),
        "drop": n.Dropout(),
        "second": n.Neuron(),
        "output": n.Output(),
    }
    edges = (
        Edge("input", "first"),
        Edge("input", "drop"),
        Edge("first", "drop", 1),
        Edge("drop", "second", 1),
        Edge("input", "scaled"),
        Edge("scaled", "second"),
        Edge("second", "output"),
    )
    program = Program(nodes, edges, chain(n.Input((1,)), n.Relu()).contract)
    dropped = drop_dropout(program)
    assert n.Dropout not in kinds(dropped)
    assert_same(program, dropped, frames(rng, program))
