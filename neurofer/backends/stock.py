"""Stock importers: a simulator's own released importer, on the NIR form that it reads as the same network.

The simulator wires the graph itself, so the whole run is its own. Its modules, found by node name, are replayed one by
one like those of any Network.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import nir
import numpy as np
import torch
from torch import Tensor, nn

from neurofer.backends.network import Recorder, Step, check_inputs
from neurofer.backends.stock_names import collisions, submodule
from neurofer.backends.torch_network import TorchNetwork, drop, lift
from neurofer.errors import PassError, Problem, RefusedError
from neurofer.ir import Capabilities, Contract, Program, Trace
from neurofer.ir.nodes import Array, Coefficient, Flatten, Shape
from neurofer.ir.serde import NeuronWriter, to_nir

Importer = Callable[[nir.NIRGraph, Contract], nn.Module]


def module_step(module: nn.Module) -> Step:
    """Return the step function of an imported module that takes and returns its state, or has none."""
    if "state" in inspect.signature(module.forward).parameters:
        return module
    return lambda x, state: (module(x), state)


@dataclass(frozen=True)
class Stock:
    """A simulator's released importer and the NIR form it needs.

    Attributes:
        name: the simulator and its version.
        capabilities: what the importer reads rightly, after ``lower``.
        lower: rewrites a program into what the importer reads; exact.
        neuron: how a Neuron is written for it.
        build: the importer: graph and contract -> torch module.
        limits: what the capabilities cannot say: lists what the importer would get wrong in a program.
        misread: lists what it gets wrong where a graph says things as NIR defines them; the form we emit avoids it.
        step: a module of the imported graph -> its step function.
        dt: the step (s) that the importer assumes, where it cannot be told another.
        wrap: nests what the importer wants nested.
    """

    name: str
    capabilities: Capabilities
    lower: Callable[[Program], Program]
    neuron: Callable[[Contract], NeuronWriter]
    build: Importer
    limits: Callable[[Program], list[Problem]]
    misread: Callable[[Program], list[Problem]]
    step: Callable[[nn.Module], Step] = module_step
    dt: float | None = None
    wrap: Callable[[nir.NIRGraph], nir.NIRGraph] = lambda graph: graph

    def faults(self, program: Program) -> list[Problem]:
        """Return what the importer is known to get wrong, or to reject, in a graph of others that means ``program``."""
        known = (self.misread(program), self.capabilities.problems(program), self.limits(program), collisions(program))
        found = [problem for problems in known for problem in problems]
        if self.dt is not None and program.contract.dt != self.dt:
            found.insert(0, Problem("dt", f"it assumes {self.dt:g} s, the contract says {program.contract.dt:g} s"))
        return found

    def emit(self, program: Program) -> tuple[Program, nir.NIRGraph]:
        """Return the program in the importer's form, and as the graph it reads.

        Raises:
            RefusedError: everything the importer cannot read rightly.
        """
        try:
            lowered = self.lower(program)
        except PassError as error:
            raise RefusedError(f"no exact form for {self.name}", problems=error.problems) from error
        if problems := [*self.capabilities.problems(lowered), *self.limits(lowered), *collisions(lowered)]:
            raise RefusedError(
                f"the importer of {self.name} cannot read this network",
                problems=problems,
                next_step=f'neurofer.load(path, backend="{self.name.split()[0]}") runs it on the same neurons',
            )
        return lowered, self.wrap(to_nir(lowered, neuron=self.neuron(lowered.contract)))

    def load(self, program: Program) -> StockNetwork:
        """Return the program as the importer reads the form we emit for it."""
        lowered, graph = self.emit(program)
        return self.read(graph, lowered)

    def read(self, graph: nir.NIRGraph, program: Program) -> StockNetwork:
        """Return what the importer makes of ``graph``, which means ``program``."""
        module = self.build(copy.deepcopy(graph), program.contract)  # importers change the graph they read
        starts = dict(_starts(module))
        named = dict(module.named_children())
        alone = {k for k in program.nodes if not isinstance(graph.nodes.get(k), nir.NIRGraph)}
        steps = {name: self.step(named[key]) for name in alone if (key := submodule(name)) in named}
        for name, node in program.nodes.items():
            if isinstance(node, Flatten) and name in steps:
                steps[name] = _one_by_one(named[submodule(name)], program.shapes[name])
        steps = {k: _restarting(step, partial(_rewind, named[submodule(k)], starts)) for k, step in steps.items()}
        rewind = partial(_rewind, module, starts)
        return StockNetwork(program, steps, lift, drop, torch.cat, self.name, module=module, rewind=rewind)


def _starts(module: nn.Module) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Yield each module of an imported graph with a copy that never runs; graphs, also nested ones, keep no state."""
    for child in module.children():
        if isinstance(child, type(module)):
            yield from _starts(child)
        else:
            yield child, copy.deepcopy(child, _shared(child))


def _shared(module: nn.Module) -> dict[int, Any]:
    """Return what a copy of ``module`` shares with it."""
    return {id(weight): weight for weight in module.parameters()}


def _rewind(module: nn.Module, starts: Mapping[nn.Module, nn.Module]) -> None:
    """Put every module in ``module``, itself included, back to how it was imported, without hooks."""
    for part in module.modules():
        if part in starts:
            start = starts[part]
            # what refers to the module, such as its own methods, must refer to the one that runs
            state = copy.deepcopy(vars(start), {**_shared(start), id(start): part})
            vars(part).clear()
            vars(part).update(state)


def _restarting(step: Step, rewind: Callable[[], None]) -> Step:
    """Return ``step`` from the beginning wherever it is given no state: some modules keep theirs themselves."""

    def run(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        if state is None:
            rewind()
        y, state = step(x, None if state is None else state[0])
        return y, (state,)

    return run


def _one_by_one(module: nn.Module, shape: Shape) -> Step:
    """Return the step function of an imported Flatten, which in some simulators flattens the batch, too."""
    return lambda x, state: (torch.stack([module(row[None]).reshape(shape) for row in x]), state)


def differs(value: Coefficient | None, wanted: Any) -> bool:
    """Whether a coefficient is not what an importer assumes, beyond the rounding of its own test for equality."""
    return value is not None and not np.allclose(value, wanted, rtol=1e-6, atol=1e-12)


@dataclass(frozen=True)
class StockNetwork(TorchNetwork):
    """A graph as a simulator's own importer runs it, sample by sample because some importers flatten the batch away.

    Attributes:
        module: what the importer made of the graph.
        rewind: puts it back to how it was made.
    """

    batched: ClassVar[bool] = False
    module: nn.Module = field(kw_only=True)
    rewind: Callable[[], None] = field(kw_only=True)

    def run(self, inputs: Array | Mapping[str, Array]) -> Trace:
        frames = check_inputs(self.program, inputs)
        if len(frames) > 1:
            raise RefusedError("the importer takes one input", where=", ".join(frames))
        (x,) = frames.values()
        recorder = Recorder(self.program, *x.shape[:2])
        with torch.no_grad():
            for sample in range(x.shape[1]):
                self._run_sample(recorder, x[:, sample : sample + 1], sample)
        return recorder.trace(frames)

    def values(self, inputs: Array | Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        """Yield nothing: the importer wires the graph, and what flows between its modules is not the Program's."""
        return iter(())

    def _run_sample(self, recorder: Recorder, x: Array, sample: int) -> None:
        self.rewind()
        seen: dict[str, Array] = {}
        names = {submodule(name): name for name in self.program.nodes if recorder.wants(name)}

        def hook(name: str) -> Callable[[nn.Module, Any, Any], None]:
            def keep(_: nn.Module, arguments: Any, output: Any) -> None:
                del arguments
                seen[name] = drop(output[0] if isinstance(output, tuple) else output)

            return keep

        for key, child in self.module.named_children():
            if key in names and names[key] not in self.program.outputs:
                child.register_forward_hook(hook(names[key]))
        state = None
        for t in range(len(x)):
            output, state = _output(self.module(lift(x[t]), state))
            right = output.numel() == np.prod(self.program.shapes[self.program.readout])
            # some importers return another node's output where the graph branches
            seen[self.program.readout] = (
                drop(output) if right else np.full(self.program.shapes[self.program.readout], np.nan)
            )
            recorder.record(t, seen, sample)


def _output(returned: Any) -> tuple[Tensor, Any]:
    """Return output and state of an imported graph.

    Raises:
        RefusedError: the importer returns several outputs for one Output node instead of their sum.
    """
    *outputs, state = returned
    if len(outputs) != 1:
        raise RefusedError("the importer returns several outputs for one Output node instead of their sum")
    # a neuron that returns its membrane, too, gives a pair
    return outputs[0][0] if isinstance(outputs[0], tuple) else outputs[0], state
