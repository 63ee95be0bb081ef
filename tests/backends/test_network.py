"""Inputs are checked before anything runs; static nodes run once."""

from dataclasses import replace

import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.backends.network import Recorder, check_inputs
from neurofer.errors import UsageError
from neurofer.ir import Contract, Edge, Program
from neurofer.ir import nodes as n
from tests.strategies import chain

EVENTS = chain(("input", n.Input((2,))), ("if", n.Neuron()), contract=Contract(steps=3))
CONSTANT = EVENTS.with_contract(Contract(steps=3, encoder="constant"))
TWO = Program(
    {"a": n.Input((2,)), "b": n.Input((2,)), "output": n.Output()}, [Edge("a", "output"), Edge("b", "output")]
)
X = np.ones((3, 1, 2))


@pytest.mark.parametrize(
    ("program", "inputs", "why"),
    [
        (EVENTS, np.ones((3, 2)), "another shape"),
        (EVENTS, np.ones((3, 1, 3)), "another shape"),
        (EVENTS, np.ones(2), "another shape"),
        (EVENTS, np.ones((0, 1, 2)), "empty"),
        (EVENTS, np.ones((3, 0, 2)), "empty"),
        (EVENTS, np.full((3, 1, 2), np.nan), "not finite"),
        (EVENTS, np.full((3, 1, 2), "x"), "no real numbers"),
        (EVENTS, X * 1j, "no real numbers"),
        (CONSTANT, np.arange(6.0).reshape(3, 1, 2), "changes from step to step"),
        (CONSTANT, np.ones((1, 3)), r"\[1, 3\] instead of \[N, 2\]\n  next: give N samples"),
        (TWO, X, "missing"),
        (TWO, {"a": X}, "missing"),
        (TWO, {"a": X, "b": X, "c": X}, "no Input nodes"),
        (TWO, {"a": X, "b": X[:2]}, "differ in steps or samples"),
        (TWO, {"a": X, "b": np.ones((3, 2, 2))}, "differ in steps or samples"),
    ],
)
def test_inputs_that_do_not_fit(program, inputs, why):
    with pytest.raises(UsageError, match=why):
        check_inputs(program, inputs)


def test_a_constant_input_is_repeated_without_a_copy():
    frames = check_inputs(CONSTANT, X[0])
    assert frames["input"].shape == (3, 1, 2)
    assert np.shares_memory(frames["input"], X)


def test_static_nodes_run_once():
    layers = [("input", n.Input((2,))), ("fc", n.Linear(np.eye(2))), ("if", n.Neuron())]
    network = reference.load(chain(*layers, contract=CONSTANT.contract))
    calls = []

    def counted(name):
        return lambda x, state: (calls.append(name), network.steps[name](x, state))[1]

    replace(network, steps={name: counted(name) for name in network.steps}).run(X[0])
    assert calls.count("fc") == 1
    assert calls.count("if") == 3


def test_every_value_can_be_seen():
    values = list(reference.load(EVENTS).values(X))
    assert len(values) == 3
    assert set(values[0]) == {"input", "if", "output"}


def test_only_a_one_is_a_spike():
    recorder = Recorder(EVENTS, 1, 1)
    recorder.record(0, {"if": np.array([[1.0, 0.5]])})
    assert recorder.trace({}).unpack("if").tolist() == [[[1, 0]]]
