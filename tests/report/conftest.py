"""A small program, a run of it, and a report on it."""

import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.ir import BINARY, Contract, Edge, Program
from neurofer.ir.nodes import Input, Linear, Neuron, Output
from neurofer.report.report import Report, count_spikes, weigh
from neurofer.verify import Divergence, Verdict, Verification


def small_program(**contract) -> Program:
    nodes = {
        "input": Input((3,), BINARY),
        "fc": Linear(np.eye(3, dtype=np.float32)),
        "a": Neuron(theta=1.0),
        "b": Neuron(theta=2.0),
        "output": Output(),
    }
    names = list(nodes)
    return Program(nodes, tuple(map(Edge, names, names[1:])), Contract(**{"steps": 5, **contract}))


@pytest.fixture
def program():
    return small_program()


@pytest.fixture
def constant_program():
    return small_program(encoder="constant")


@pytest.fixture
def trace(program):
    return reference.run(program, np.random.default_rng(0).random((5, 2, 3)) < 0.6)


@pytest.fixture
def report(program, trace):
    first = Divergence(node="a", step=2, sample=0, neuron=[1], membrane=1.25, threshold=1.0, margin=0.25)
    rows = [
        Verdict(target="norse", importer="neurofer", version="norse 1", verdict="EXACT", spikes_compared=1234),
        Verdict(
            target="norse",
            importer="stock",
            version="norse 1",
            verdict="DIVERGENT",
            spikes_differing=7,
            first_divergence=first,
            sources=["a"],
            reason="a differs | even so\n  next: look",
        ),
    ]
    return Report(
        network="small",
        weights="random",
        target="nir",
        command="neurofer export small --to nir",
        seed=0,
        sample="drawn with seed 0",
        contract=program.contract,
        parameters=program.parameters,
        mult_adds=program.mult_adds,
        accuracy={"test": 0.875},
        spikes=count_spikes(program, trace),
        verification=Verification(artifact="small", steps=5, samples=2, targets=rows),
        energy=weigh(program, None, trace, weights="random"),
        caveats=["a: soft reset"],
        versions={"python": "3.11.7"},
    )
