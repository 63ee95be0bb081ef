"""Neurons in the walk: what they fire, what they feed back, and the states that a forward hands from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from neurofer.capture.bound import reach
from neurofer.capture.framework import refuse
from neurofer.capture.signal import LOST, Signal, State
from neurofer.errors import CaptureError, Problem
from neurofer.ir import Edge
from neurofer.ir.nodes import Neuron, Node

if TYPE_CHECKING:
    from neurofer.capture.graph import Walker


class Memory:
    """Places neurons, and checks that each finds in every step the state that it left in the step before."""

    def __init__(self, walker: Walker) -> None:
        self.walker = walker
        self._owed: set[tuple[str, str]] = set()
        self._unread: list[str] = []

    # -- neurons ------------------------------------------------------------------------------------------------------

    def fire(
        self,
        path: str,
        nodes: Sequence[Node],
        x: Signal,
        call: int,
        states: Sequence[Any],
        named: Mapping[str, Any],
    ) -> Any:
        """Return what a neuron returns: its output, and its states if it gives them out."""
        module = self.walker.modules[path]
        carry = self.walker.framework.carry(module)
        refuse(
            (len(states) > len(carry.takes), f"called with {len(states)} states, it takes {len(carry.takes)}", ""),
            *((name not in carry.takes, f"called with {name}=", "its states") for name in named),
        )
        given = dict(zip(carry.takes, states, strict=False)) | dict(named)
        for name in carry.takes:
            self._check_state(path, name, call, given.get(name), keeps=carry.keeps)
        out = self._place(path, nodes, x)
        if carry.gives is None:
            return out
        return (out, *(State(path, name, call, x) for name in carry.gives))

    def _place(self, path: str, nodes: Sequence[Node], x: Signal) -> Signal:
        walker, name = self.walker, self._name(path)
        at = next(index for index, node in enumerate(nodes) if isinstance(node, Neuron))
        x = walker.apply(nodes[:at], x, (path, "before"), f"{name}.input_weights") if at else x
        self._check_limit(path, x)
        out = walker.apply((nodes[at],), x, path, name)
        for suffix, node in walker.framework.feedback(walker.modules[path], out.shape).items():
            # A bias acts at the first step, too: then it is the spikes that are delayed, not what the weights make of
            # them.
            early = int(_biased(node))
            part = f"{name}.{suffix}"
            weights = walker.builder.place(part, part, node, out.terms, delay=early)
            walker.builder.connect(Edge(weights, out.terms[0], delay=1 - early))
        return walker.apply(nodes[at + 1 :], out, (path, "after"), f"{name}.graded") if nodes[at + 1 :] else out

    def _name(self, path: str) -> str:
        return path or type(self.walker.modules[path]).__name__.lower()

    def _check_limit(self, path: str, x: Signal) -> None:
        limit = self.walker.framework.limit(self.walker.modules[path], x.shape)
        if limit is None:
            return
        _, high = reach(self.walker.builder, x.terms)
        lowest = float(np.min(limit))
        why = f"it subtracts wrongly once its input exceeds {lowest:g}, which may reach {high:g}"
        refuse((high > lowest, f"with reset_delay=False {why}", "reset_delay=True"))

    # -- states -------------------------------------------------------------------------------------------------------

    def _check_state(self, path: str, name: str, call: int, value: Any, *, keeps: bool) -> None:
        """Check that one state argument is what the call before left, or nothing before the first one."""
        one_step = self.walker.timing.kind == "step" and self.walker.steps > 1
        anew = "it starts anew at every step"
        if value is LOST:
            return
        if value is None:
            refuse((call > 0 and not keeps, f"called without the state of the step before: {anew}", "its last state"))
            self._owed |= {(path, name)} if one_step and not keeps else set()
        elif isinstance(value, Tensor):
            some = bool(value.numel()) and bool(value.ne(0).any())
            refuse(
                (some, f"its state {name!r} starts at other values than zero", "zeros"),
                (call > 0 or one_step, f"its state {name!r} is set within the time loop: {anew}", "its last state"),
            )
        elif isinstance(value, State) and not value.path:
            made = value.name == "zeros"
            refuse((call > 0 or (made and one_step), f"its state {name!r} is set again: {anew}", "its last state"))
            self._owed |= {(path, name)} if one_step and name != "spk" else set()
        else:
            self._check_last(path, name, call, value)

    def _check_last(self, path: str, name: str, call: int, value: Any) -> None:
        if isinstance(value, State):
            found = (value.path, value.name, value.call) == (path, name, call - 1)
        else:
            mine = name == "spk" and isinstance(value, Signal) and value.terms == (self._name(path),)
            found = mine and value.step == call - 1
        refuse((not found, f"its state {name!r} is not the one it left in the step before", "its last state"))

    def returned(self, out: Any) -> Any:
        """Return the network's output out of what its forward returns, and check that it gives its states back.

        Raises:
            CaptureError: states that are lost from step to step, or other outputs than one.
        """
        states: list[Any] = []
        if isinstance(out, (tuple, list)) and out and isinstance(out[0], (Signal, State)):
            rest = _flat(out[1:])
            spiking = [x for x in rest if isinstance(x, Signal) and set(x.terms) <= self._fired()]
            if all(isinstance(x, State) or x is None or x is LOST or x in spiking for x in rest):
                out, states = out[0], [out[0], *rest]
        back = {(x.path, x.name) for x in states if isinstance(x, State)}
        lost = sorted(self._owed - back) if out is not LOST else []
        if lost:
            why = "the forward does not return it: it would start anew at every step"
            raise CaptureError(
                "not captured",
                problems=[
                    Problem(self._name(path), f"its state {name!r} is lost: {why}", "return (output, states)")
                    for path, name in lost
                ],
            )
        return out

    def _fired(self) -> set[str]:
        return {name for name, node in self.walker.builder.nodes.items() if isinstance(node, Neuron)}

    # -- membranes ----------------------------------------------------------------------------------------------------

    def readable(self, value: Any) -> Any:
        """Return ``value`` with the states in it as the membranes they are.

        Raises:
            CaptureError: a state is read that no node gives out.
        """
        if isinstance(value, (tuple, list)):
            return tuple(self.readable(item) for item in value)
        if isinstance(value, dict):
            return {key: self.readable(item) for key, item in value.items()}
        if not isinstance(value, State) or not value.path:
            return value
        found = self._membrane(value)
        if found is None:
            why = f"its state {value.name!r} is read, which no node gives out"
            closest = "its output; or a last layer that nothing resets (reset_mechanism='none', LIBoxCell, LICell)"
            raise CaptureError("not captured", problems=[Problem(self._name(value.path), why, closest)])
        return found

    def membranes(self, states: Sequence[State]) -> Sequence[Any]:
        """Return states as the membranes they are; unchanged where one is none."""
        found = [self._membrane(state) for state in states]
        return states if None in found else found

    def _membrane(self, state: State) -> Signal | None:
        """Return the integrator that is a neuron's membrane, where nothing resets it."""
        framework, source = self.walker.framework, state.source
        module = self.walker.modules.get(state.path)
        if module is None or source is None or state.name != "mem":
            return None
        layer = framework.layer(module)
        nodes = () if layer is None else layer(module, source.shape)
        node = framework.membrane(module, source.shape, nodes)
        if node is None or framework.feedback(module, source.shape):
            return None
        name = self._name(state.path)
        found = self.walker.apply((node,), source, (state.path, "mem"), f"{name}.mem")
        self._unread += [f"{name}.graded", name, *found.terms]
        return found

    def drop_unread(self) -> None:
        """Remove the neurons whose membranes are read instead, and the membranes that nothing reads."""
        for name in self._unread:
            self.walker.builder.drop(name)


def _biased(node: Node) -> bool:
    bias = getattr(node, "bias", None)
    return bias is not None and bool(np.any(bias != 0))


def _flat(values: Any) -> list[Any]:
    if isinstance(values, (tuple, list)):
        return [item for value in values for item in _flat(value)]
    return [values]
