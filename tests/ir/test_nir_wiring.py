"""Which edge of a cycle is delayed, and how nested graphs become flat."""

import itertools

import nir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.errors import ProgramError, ReadError
from neurofer.ir import Program
from neurofer.ir import nodes as n
from neurofer.ir.nir_wiring import flatten_graph, mark_delays
from tests.ir.graphs import full, others

NODES = {
    "input": n.Input((2,)),
    "fc": n.Linear(np.eye(2, dtype=np.float32)),
    "lif": n.Neuron(alpha_mem=0.5),
    "second": n.Neuron(),
    "w": n.Linear(np.eye(2, dtype=np.float32)),
    "w2": n.Linear(np.eye(2, dtype=np.float32)),
    "scale": n.Scale(2.0),
    "output": n.Output(),
}


def delayed(text, **nodes):
    """The delayed edges of a wiring ``a b c, d b``: each part is a chain of nodes."""
    pairs = [pair for part in text.split(",") for pair in itertools.pairwise(part.split())]
    names = {name for pair in pairs for name in pair}
    given_nodes = {name: (NODES | nodes)[name] for name in names}
    results = []
    for order in (pairs, pairs[::-1], sorted(pairs)):  # the order in a file must not matter
        changed, edges = mark_delays({name: given_nodes[name] for name in sorted(names, reverse=order == pairs)}, order)
        results.append(sorted((e.source, e.target) for e in edges if e.delay))
        assert [(e.source, e.target) for e in edges] == order
        Program(changed, edges)
    assert results[0] == results[1] == results[2]
    return results[0]


@pytest.mark.parametrize(
    ("wiring", "expected"),
    [
        ("input fc lif output", []),
        ("input fc lif output, lif w lif", [("w", "lif")]),
        ("input lif output, lif lif", [("lif", "lif")]),
        ("input lif fc second output, second w lif", [("w", "lif")]),
        ("input fc lif second output, second lif", [("second", "lif")]),
        ("input lif w lif, lif output, second w2 second, input second output", [("w", "lif"), ("w2", "second")]),
        ("input lif w scale w2 lif output", [("w2", "lif")]),  # one way around: a long cycle
        ("input w lif output, lif w", [("lif", "w")]),  # entered at the weights: only what comes back waits
        ("input w lif output, input lif, lif w", [("w", "lif")]),  # entered at both: the neuron's weights wait
        ("input fc lif output, input lif, lif fc", [("fc", "lif")]),
        ("input fc lif output, lif w lif, lif w2 lif", [("w", "lif"), ("w2", "lif")]),
        ("input lif second output, second w lif, second w2 second", [("w", "lif"), ("w2", "second")]),
    ],
)
def test_the_edge_that_closes_a_cycle_is_delayed(wiring, expected):
    assert delayed(wiring) == expected


def test_a_delay_in_a_cycle_gives_a_step_to_all_edges_that_enter_it():
    wiring = [("input", "lif"), ("lif", "wait"), ("input", "wait"), ("wait", "lif"), ("lif", "output")]
    changed, edges = mark_delays(
        {name: NODES[name] for name in ("input", "lif", "output")} | {"wait": n.Delay(3)}, wiring
    )
    assert changed["wait"] == n.Delay(2)
    assert {(e.source, e.target) for e in edges if e.delay} == {("lif", "wait"), ("input", "wait")}
    Program(changed, edges)


def test_a_delay_of_no_steps_or_outside_cycles_stays():
    changed, edges = mark_delays(NODES | {"wait": n.Delay(0)}, [("input", "lif"), ("lif", "wait"), ("wait", "lif")])
    assert changed["wait"] == n.Delay(0)
    assert [e.delay for e in edges] == [0, 0, 1]
    changed, edges = mark_delays({**NODES, "wait": n.Delay(2)}, [("input", "wait"), ("wait", "output")])
    assert changed["wait"] == n.Delay(2)
    assert not any(e.delay for e in edges)


@pytest.mark.parametrize("wiring", [[("w", "scale"), ("scale", "w")], [("w", "w")]])
def test_a_cycle_without_a_state_is_an_error_that_names_it(wiring):
    with pytest.raises(ProgramError, match="without a neuron") as caught:
        mark_delays(NODES, [("input", "w"), *wiring, ("lif", "second"), ("second", "lif")])
    (problem,) = caught.value.problems
    around = problem.where.split(" -> ")
    assert set(itertools.pairwise(around)) == set(wiring)


def test_every_cycle_without_a_state_is_named():
    with pytest.raises(ProgramError) as caught:
        mark_delays(NODES, [("w", "w"), ("scale", "scale"), ("input", "w")])
    assert [problem.where for problem in caught.value.problems] == ["scale -> scale", "w -> w"]


def test_a_cycle_of_a_thousand_nodes():
    names = [f"n{index}" for index in range(1000)]
    nodes = {"input": n.Input((2,)), **dict.fromkeys(names, n.Scale(1.0)), "n0": n.Neuron()}
    _, edges = mark_delays(nodes, [("input", "n0"), *itertools.pairwise([*names, "n0"])])
    assert [(e.source, e.target) for e in edges if e.delay] == [("n999", "n0")]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), unique=True, max_size=20), st.randoms())
def test_any_wiring_of_neurons_becomes_acyclic_whatever_its_order(pairs, random):
    nodes = {"input": n.Input((2,)), **{str(k): n.Neuron() for k in range(7)}, "output": n.Output()}
    wiring = [("input", str(k)) for k in range(7)] + [(str(a), str(b)) for a, b in pairs] + [("0", "output")]
    _, edges = mark_delays(nodes, wiring)
    program = Program(nodes, edges)  # a cycle would raise
    random.shuffle(wiring)
    _, again = mark_delays(dict(reversed(nodes.items())), wiring)
    assert set(again) == set(program.edges)
    position = {name: place for place, name in enumerate(program.order)}
    for edge in edges:
        assert edge.delay or position[edge.source] < position[edge.target]


# -- nested graphs ----------------------------------------------------------------------------------------------------


def recurrent():
    weights = nir.Linear(np.eye(2, dtype=np.float32))
    edges = [("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")]
    return others({"lif": nir.LIF(*full(1.0, 1.0, 0.0, 1.0)), "w": weights}, edges)


def test_nested_graphs_become_flat():
    nodes, edges = flatten_graph(others({"deep": others({"rnn": recurrent()}), "if": nir.IF(*full(1.0, 1.0))}))
    assert set(nodes) == {"input", "deep.rnn.lif", "deep.rnn.w", "if", "output"}
    assert sorted(edges) == [
        ("deep.rnn.lif", "deep.rnn.w"),
        ("deep.rnn.lif", "if"),
        ("deep.rnn.w", "deep.rnn.lif"),
        ("if", "output"),
        ("input", "deep.rnn.lif"),
    ]


def test_an_empty_nested_graph_is_a_wire():
    nodes, edges = flatten_graph(others({"wire": others({})}))
    assert set(nodes) == {"input", "output"}
    assert edges == [("input", "output")]


def test_an_edge_that_would_be_there_twice_is_a_scale():
    both = [("input", "wire"), ("input", "output"), ("wire", "output")]
    nodes, edges = flatten_graph(others({"wire": others({})}, both))
    assert nodes["input.times2.output"] == n.Scale(2.0)
    assert edges == [("input", "input.times2.output"), ("input.times2.output", "output")]


def test_what_cannot_be_resolved_is_named_at_once():
    two = others({"more": nir.Input(np.array([2]))}, [("input", "output"), ("more", "output")])
    graph = others({"two": two, "a.lif": nir.IF(*full(1.0, 1.0)), "a": recurrent()})
    with pytest.raises(ReadError) as caught:
        flatten_graph(graph)
    assert {problem.where for problem in caught.value.problems} == {"two", "a.lif"}
