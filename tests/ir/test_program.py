"""What a Program accepts, what it infers, and how it says no."""

import itertools

import numpy as np
import pytest

from neurofer.errors import ProgramError
from neurofer.ir import BINARY, REAL, Contract, Domain, Edge, Program, Readout
from neurofer.ir import nodes as n
from tests.strategies import chain


def linear(out, entering):
    return n.Linear(np.ones((out, entering), np.float32))


def wired(nodes, *edges, **contract):
    return Program(
        {"input": n.Input((2,), BINARY), **nodes, "output": n.Output()},
        [Edge(*edge) for edge in edges],
        Contract(**contract),
    )


def problems(*args, **contract):
    with pytest.raises(ProgramError) as caught:
        wired(*args, **contract)
    return {problem.where: problem.why for problem in caught.value.problems}


def test_all_wiring_problems_come_at_once():
    found = problems(
        {"lonely": n.Relu(), "join": n.Concat()},
        ("input", "output"),
        ("input", "output"),
        ("ghost", "output"),
        ("output", "input"),
        ("input", "join", 1),
        ("join", "output", 2),
        readout=Readout("sum", "elsewhere"),
    )
    assert set(found) == {
        "input -> output",
        "ghost -> output",
        "input -> join",
        "join -> output",
        "lonely",
        "input",
        "output",
        "elsewhere",
    }


def test_inputs_and_outputs_are_needed():
    with pytest.raises(ProgramError, match=r"no Input node[\s\S]*no Output node"):
        Program({}, ())


def test_all_shape_problems_come_at_once_and_only_their_causes():
    found = problems(
        {"a": linear(3, 5), "behind a": linear(3, 3), "b": linear(4, 2), "c": linear(3, 2), "sum": n.Relu()},
        ("input", "a"),
        ("a", "behind a"),
        ("behind a", "output"),
        ("input", "b"),
        ("input", "c"),
        ("b", "sum"),
        ("c", "sum"),
        ("sum", "output"),
    )
    assert set(found) == {"a", "sum"}
    assert found["sum"] == "inputs of shapes [[4], [3]] cannot be summed"


def test_a_delayed_input_must_have_the_same_shape():
    found = problems(
        {"if": n.Neuron(), "back": linear(3, 2)},
        ("input", "if"),
        ("if", "back"),
        ("back", "if", 1),
        ("if", "output"),
    )
    assert found == {"if": "inputs of shapes [[2], [3]] cannot be summed"}


def test_a_cycle_without_a_delay_is_named_in_its_direction():
    edges = [("input", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "output")]
    with pytest.raises(ProgramError, match="a cycle without a delay") as caught:
        wired({name: n.Neuron() for name in "abc"}, *edges)
    around = caught.value.where.split(" -> ")
    assert around[0] == around[-1]
    assert set(itertools.pairwise(around)) == {("a", "b"), ("b", "c"), ("c", "a")}


def test_shapes_are_inferred_through_nodes_that_only_delayed_edges_enter():
    program = wired(
        {"if": n.Neuron(), "wait": n.Delay(1), "back": linear(2, 2)},
        ("input", "if"),
        ("if", "wait", 1),
        ("wait", "back"),
        ("back", "if"),
        ("if", "output"),
    )
    assert program.shapes["back"] == program.input_shape("wait") == (2,)


def test_a_cycle_that_nothing_enters_has_no_shape():
    found = problems({"a": n.Neuron(), "b": n.Neuron()}, ("input", "output"), ("a", "b"), ("b", "a", 1))
    assert set(found) == {"a", "b"}


def test_domains_sum_and_join():
    program = wired(
        {"if": n.Neuron(), "sum": n.Relu(), "join": n.Concat(), "back": n.Neuron()},
        ("input", "if"),
        ("back", "if", 1),
        ("input", "sum"),
        ("if", "sum"),
        ("sum", "join"),
        ("if", "join"),
        ("if", "back"),
        ("join", "output"),
    )
    assert program.input_domain("if") == program.domains["sum"] == program.domains["join"] == Domain("integer", 2)
    assert program.domains["if"] == BINARY
    assert chain(n.Input((2,)), n.Relu()).domains["relu1"] == REAL


def test_static_nodes_are_stateless_and_fed_by_a_constant_input_alone():
    nodes = [("conv", linear(2, 2)), ("relu", n.Relu()), ("if", n.Neuron()), ("fc", linear(2, 2))]
    constant = chain(("input", n.Input((2,))), *nodes, contract=Contract(steps=3, encoder="constant"))
    assert constant.static == {"input", "conv", "relu"}
    assert constant.mult_adds == 4 + 3 * 4
    events = chain(("input", n.Input((2,))), *nodes, contract=Contract(steps=3))
    assert events.static == frozenset()
    assert events.mult_adds == 2 * 3 * 4


def test_static_ends_at_a_delay_and_at_delayed_edges():
    program = wired(
        {"wait": n.Delay(1), "late": n.Relu(), "early": n.Relu()},
        ("input", "wait"),
        ("wait", "output"),
        ("input", "early"),
        ("early", "late", 1),
        ("input", "late"),
        ("late", "output"),
        encoder="constant",
    )
    assert program.static == {"input", "early"}


def test_parameters_and_mult_adds():
    conv = n.Conv2d(np.ones((4, 1, 3, 3), np.float32), np.ones(4, np.float32), padding=1, groups=2)
    program = chain(n.Input((2, 5, 6)), conv, contract=Contract(steps=2))
    assert program.parameters == 4 * 9 + 4
    assert program.mult_adds == 2 * 4 * 9 * 5 * 6


def test_without_keeps_the_order_of_a_concat():
    program = wired(
        {"drop": n.Dropout(), "other": linear(3, 2), "join": n.Concat()},
        ("input", "drop"),
        ("drop", "join"),
        ("input", "other"),
        ("other", "join"),
        ("join", "output"),
    )
    bypassed = program.without("drop")
    assert [edge.source for edge in bypassed.predecessors("join")] == ["input", "other"]


@pytest.mark.parametrize(
    ("why", "nodes", "edges"),
    [
        ("there twice", {}, [("input", "x"), ("x", "output"), ("input", "output")]),
        ("two steps", {"if": n.Neuron()}, [("input", "if"), ("if", "x", 1), ("x", "if", 1), ("if", "output")]),
        (
            "enters a Concat",
            {"a": n.Relu(), "join": n.Concat()},
            [("input", "a"), ("input", "x"), ("a", "x"), ("x", "join"), ("join", "output")],
        ),
        ("feeds itself", {}, [("input", "x"), ("x", "x", 1), ("x", "output")]),
    ],
)
def test_without_refuses_what_no_edge_can_stand_for(why, nodes, edges):
    program = wired({"x": n.Dropout(), **nodes}, *edges)
    with pytest.raises(ProgramError, match=why):
        program.without("x")


def test_programs_of_equal_parts_are_equal():
    def make(weight):
        return chain(n.Input((2,)), n.Linear(np.full((1, 2), weight, np.float32)))

    assert make(1.0) == make(1.0)
    assert make(1.0) != make(2.0)
    with pytest.raises(TypeError):
        make(1.0).nodes["x"] = n.Relu()
