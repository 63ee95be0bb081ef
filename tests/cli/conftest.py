"""A small spiking network as a file and as a bundle, and the command line run in this process."""

from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from neurofer.cli import execute
from neurofer.ir import BINARY, Contract, Edge, Program, serde
from neurofer.ir.nodes import Input, Linear, Neuron, Output


def small_network(**hidden) -> Program:
    """Four inputs, six IF, three LIF neurons; weights on a grid of 1/8, so that float32 is exact."""
    rng = np.random.default_rng(0)
    nodes = {
        "input": Input((4,), BINARY),
        "fc1": Linear((rng.integers(-2, 8, (6, 4)) / 8).astype(np.float32)),
        "if1": Neuron(**{"theta": 1.0, **hidden}),
        "fc2": Linear((rng.integers(-2, 8, (3, 6)) / 8).astype(np.float32)),
        "lif2": Neuron(alpha_mem=0.5, gain=0.5, theta=0.5),
        "output": Output(),
    }
    names = list(nodes)
    return Program(nodes, tuple(map(Edge, names, names[1:])), Contract(steps=12))


@dataclass
class Result:
    """What one command line did."""

    code: int
    out: str
    err: str

    def json(self):
        return msgspec.json.decode(self.out)

    def is_one_error(self, *words: str, code: int = 3) -> bool:
        """Whether it failed with one clear error that holds the words, and nothing on standard output."""
        plain = "Traceback" not in self.err and self.err.count("neurofer: ") + self.err.count("neurofer ") >= 1
        return self.code == code and plain and not self.out and all(word in self.err for word in words)


@pytest.fixture
def cli(capsys):
    def call(*arguments) -> Result:
        capsys.readouterr()
        code = execute([str(a) for a in arguments])
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return call


@pytest.fixture(scope="session")
def network_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "small.nir"
    serde.write(path, small_network())
    return path


@pytest.fixture(scope="session")
def soft_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("soft") / "soft.nir"
    serde.write(path, small_network(reset="soft"))
    return path


@pytest.fixture(scope="session")
def shared_bundle(tmp_path_factory, network_file):
    """A bundle that no test may change."""
    out = tmp_path_factory.mktemp("bundle") / "small"
    assert execute(["export", str(network_file), "--to", "nir", "--out", str(out), "--samples", "3", "--json"]) == 0
    return out


@pytest.fixture
def bundle(shared_bundle, tmp_path):
    """A bundle that a test may change."""
    import shutil

    return shutil.copytree(shared_bundle, tmp_path / "bundle")


@pytest.fixture(scope="session")
def network():
    """Makes the small network; keywords change its IF neurons."""
    return small_network
