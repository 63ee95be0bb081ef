"""Simulators that are right, and simulators that go wrong in every way there is."""

import contextlib
import os
import signal
import sys
import time

import numpy as np

from neurofer.backends import reference
from neurofer.conformance import Refused, Simulator
from neurofer.ir import serde


class Right(Simulator):
    """The reference in float32 arrays: NIR as neurofer reads it."""

    name, version = "right", "1.0"

    def load(self, graph, dt):
        program = serde.from_nir(graph, dt=dt)
        return lambda x: reference.run(program, x).outputs[program.readout].astype(np.float32)


class Failing(Right):
    """Goes wrong in the way it is told, in the cases that it is told."""

    def __init__(self, way, nodes=("scale",)):
        self.name, self.way, self.nodes = way, way, nodes

    def load(self, graph, dt):
        right = super().load(graph, dt)
        if not set(self.nodes) & set(graph.nodes):
            return right
        graph.nodes.clear()  # the graph is ours to change
        return self.at_import(right)

    def at_import(self, right):
        match self.way:
            case "refuses":
                raise Refused("no Scale here")
            case "says no":
                raise NotImplementedError("there is no Scale")
            case "asserts":
                assert not self.nodes, "a Scale"
            case "fails":
                return {}["Scale"]
            case "fails in numpy":
                return np.zeros(2).reshape(3)
        return self.at_run

    def at_run(self, x):  # noqa: C901, PLR0912 - one branch for each way to fail
        match self.way:
            case "raises":
                raise ValueError("in the middle")
            case "exits":
                sys.exit("done here")
            case "segfaults":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "leaves":
                os._exit(5)
            case "hangs":
                time.sleep(1000)
            case "prints":
                while True:
                    os.write(1, b"no end " * 1000)
                    print("no end", file=sys.stderr)  # noqa: T201 - that is the point
            case "holds on":
                while True:
                    with contextlib.suppress(BaseException):
                        time.sleep(1000)
            case "zeros":
                return np.zeros_like(x)
            case "another shape":
                return np.zeros((len(x), 2))
            case "two outputs":
                return x, x
            case "not a number":
                return x * np.nan
            case "words":
                return "spikes"
        return x
