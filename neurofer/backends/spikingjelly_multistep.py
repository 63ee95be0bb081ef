"""SpikingJelly in multi-step mode: layer after layer over all time steps, its neurons fed whole sequences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from spikingjelly.activation_based import functional
from torch import Tensor

from neurofer.backends import spikingjelly
from neurofer.backends.network import Network, Recorder, check_inputs
from neurofer.backends.torch_network import TorchNetwork, drop, lift
from neurofer.errors import RefusedError
from neurofer.ir import Capabilities, Program, Trace
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array

CAPABILITIES: Capabilities = replace(
    spikingjelly.CAPABILITIES,
    nodes=spikingjelly.CAPABILITIES.nodes - {n.Delay},
    recurrent=False,
    instead={"recurrent": "spikingjelly, which runs step by step"},
)


class MultiStepNetwork(TorchNetwork):
    """A feed-forward program that SpikingJelly runs layer by layer; its replay is that of the single steps."""

    def run(self, inputs: Array | Mapping[str, Array]) -> Trace:
        frames = check_inputs(self.program, inputs)
        steps, samples = next(iter(frames.values())).shape[:2]
        recorder = Recorder(self.program, steps, samples)
        values: dict[str, Tensor] = {}
        waiting = {name: len(self.program.successors(name)) for name in self.program.nodes}
        with torch.no_grad():
            for name in self.program.order:
                values[name] = self._sequence(name, frames, values)
                if recorder.wants(name):
                    for t in range(steps):
                        recorder.record(t, {name: drop(values[name][t])})
                for edge in self.program.predecessors(name):
                    waiting[edge.source] -= 1
                    if not waiting[edge.source]:
                        del values[edge.source]  # whole sequences are large: keep those that are still read
        return recorder.trace(frames)

    def _sequence(self, name: str, frames: Mapping[str, Array], values: Mapping[str, Tensor]) -> Tensor:
        """Return what ``name`` gives over all steps, ``[T, N, *shape]``."""
        node = self.program.nodes[name]
        if isinstance(node, n.Input):
            return lift(frames[name])
        flat = {edge.source: values[edge.source].flatten(0, 1) for edge in self.program.predecessors(name)}
        x = self.gather(name, flat, {})
        if isinstance(node, n.Neuron):
            module: Any = spikingjelly.module_of(node)
            functional.set_step_mode(module, "m")
            functional.reset_net(module)
            out: Tensor = module(x.unflatten(0, values[next(iter(flat))].shape[:2]))
            return out
        y, _ = self.step(name, x, None)
        return torch.unflatten(y, 0, values[next(iter(flat))].shape[:2])


def load(program: Program) -> Network:
    """Return ``program`` on SpikingJelly's neurons in multi-step mode.

    Raises:
        RefusedError: everything SpikingJelly cannot run so: recurrence and Delays, too.
    """
    problems = CAPABILITIES.problems(program)
    if problems:
        raise RefusedError("spikingjelly cannot run this program in multi-step mode", problems=problems)
    single = spikingjelly.load(program)
    version = f"{single.version}, multi-step"
    return MultiStepNetwork(program, single.steps, lift, drop, torch.cat, version)
