"""Walks a traced graph and builds the Program, and collects everything that cannot be captured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

from torch import fx, nn

from neurofer.capture import functions
from neurofer.capture import torch as plain
from neurofer.capture.framework import Framework, refuse
from neurofer.capture.functions import FUNCTIONS, IN_PLACE
from neurofer.capture.memory import Memory
from neurofer.capture.signal import LOST, Builder, Signal, State
from neurofer.capture.timing import Timing
from neurofer.capture.trace import unknown
from neurofer.errors import CaptureError, Problem
from neurofer.ir.nodes import Input, Neuron, Node, Output
from neurofer.nets.time import Repeat


class Walker:
    """Gives every value of the graph a Signal, and every layer its nodes.

    Args:
        network: the traced module, for its modules and parameters.
        graph: its trace.
        framework: what its modules mean.
        timing: where time is in it.
        steps: T.
        source: the Input node.

    Attributes:
        builder: the nodes and edges so far.
        problems: everything that cannot be captured, in the order of the forward.
    """

    def __init__(
        self, network: nn.Module, graph: fx.Graph, framework: Framework, timing: Timing, steps: int, source: Input
    ) -> None:
        self.network, self.graph, self.framework = network, graph, framework
        self.timing, self.steps, self.source = timing, steps, source
        self.modules: Mapping[str, nn.Module] = dict(network.named_modules())
        self.builder = Builder(self.modules)
        self.problems: list[Problem] = [*timing.problems, *_hooks(network)]
        self._values: dict[fx.Node, Any] = {}
        self._calls: Counter[str] = Counter()
        self._memory = Memory(self)
        self._fed: dict[str, tuple[str, ...]] = {}
        self._order = {node: index for index, node in enumerate(graph.nodes)}
        self._here: fx.Node = next(iter(graph.nodes))

    def walk(self) -> Signal:
        """Visit every node and return the output; afterwards `problems` says what went wrong."""
        out = LOST
        for node in self.graph.nodes:
            self._here = node
            try:
                value = self._output(node) if node.op == "output" else self._value(node)
            except CaptureError as error:
                self.problems += [replace(p, where=p.where or self._place(node)) for p in error.problems]
                value = LOST
            self._values[node] = value
            out = value if node.op == "output" else out
        self._memory.drop_unread()
        return out

    # -- what functions use -------------------------------------------------------------------------------------------

    def name(self, op: str) -> str:
        """Return the name of a node that the current call makes: the path of the module that calls, and ``op``."""
        scope = self._scope(self._here)
        return f"{scope}.{op}" if scope else op

    def apply(self, nodes: Sequence[Node], x: Signal, key: Hashable, name: str) -> Signal:
        """Put nodes in a row behind ``x``; the last one is called ``name``."""
        refuse(
            (
                x.kind == "partial",
                f"a sum over some of the {self.timing.calls} steps is used",
                "the sum over all steps",
            ),
            (x.kind == "unit", "a value with a time axis of length one is used", "Repeat(T)"),
        )
        terms, shape = x.terms, x.shape or ()
        for index, node in enumerate(nodes, start=1 - len(nodes)):
            try:
                shape = node.output_shape(shape)
            except (ValueError, IndexError, ZeroDivisionError) as error:
                refuse((True, f"{type(node).__name__}: {error}", ""))
            part = name if index == 0 else f"{name}.{type(node).__name__.lower()}"
            terms = (self.builder.place(key if index == 0 else (key, index), part, node, terms),)
        return replace(x, terms=terms, shape=shape)

    def settle(self, x: Signal) -> Signal:
        """Carry out a pending reduction over time with an integrator, for readers that need its result."""
        if x.pending in (None, "last"):
            return replace(x, pending=None)
        gain = 1.0 if x.pending == "sum" else 1.0 / self.steps
        return self.apply((Neuron(theta=None, gain=gain),), replace(x, pending=None), ("integrate", gain), x.origin)

    def membranes(self, states: Sequence[State]) -> Sequence[Any]:
        """Return states as the membranes they are; unchanged where something resets these."""
        return self._memory.membranes(states)

    # -- one node of the graph ----------------------------------------------------------------------------------------

    def _value(self, node: fx.Node) -> Any:
        if node.op == "placeholder":
            if node.prev.op == "placeholder":  # the first one is the input
                return State(name=str(node.target))
            name = self.builder.place("input", "input", self.source, ())
            return Signal((name,), self.source.shape, self.timing.kind)
        if "value" in node.meta:
            return node.meta["value"]
        if node.op == "get_attr":
            return attrgetter(str(node.target).removeprefix("network."))(self.network)
        args, kwargs = fx.map_arg((node.args, node.kwargs), self._values.__getitem__)
        if node.op == "call_module":
            return self._module(node, *args, **kwargs)
        if isinstance(node.target, type) and issubclass(node.target, tuple):
            return (*args, *kwargs.values())
        self._check_in_place(node, written=node.target in IN_PLACE or bool(node.kwargs.get("inplace")))
        if LOST in _signals((args, kwargs)):
            return LOST
        function = FUNCTIONS.get(node.target)
        if getattr(node.target, "__module__", "") == "_operator" and not _signals((args, kwargs)):
            function = _on_sizes(node.target)
        called = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
        if function is None:
            refuse((True, f"{called}() cannot be captured", "a module or function listed by neurofer.capture"))
            return LOST
        if function not in _FOR_STATES:
            args, kwargs = self._memory.readable((args, kwargs))
        try:
            return function(self, *args, **kwargs)
        except (TypeError, AttributeError, IndexError) as error:
            refuse((True, f"{called}() is called in a way that cannot be captured: {error}", ""))

    def _module(self, node: fx.Node, *args: Any, **kwargs: Any) -> Any:
        path = str(node.target)
        module = self.modules[path]
        neuron = isinstance(module, self.framework.stateful)
        single = len(args) == 1 and not kwargs
        refuse((not args or not (neuron or single), "called with other arguments than one tensor", "one tensor"))
        x = self._memory.readable(args[0])
        if not isinstance(x, Signal):
            raise CaptureError(
                "not captured", problems=[Problem("", f"called with a {type(x).__name__}", "one tensor")]
            )
        if isinstance(module, Repeat):
            refuse(
                (x.kind not in ("static", "lost"), f"repeats a value that is {x.kind}", "a value without a time axis")
            )
            return x if x is LOST else replace(x, kind="seq")
        layer = self.framework.layer(module)
        if layer is None:
            raise CaptureError("not captured", problems=[unknown(path, module)])
        self._check_in_place(node, written=getattr(module, "inplace", False) and not isinstance(module, nn.Dropout))
        nodes = self._nodes(module, x)
        if x is LOST:
            return LOST
        self._check_axis(module, x)
        x = self.settle(x)
        if neuron:
            return self._stateful(path, nodes, x, args[1:], kwargs)
        return self.apply(nodes, x, path, path or type(module).__name__.lower())

    def _nodes(self, module: nn.Module, x: Signal) -> tuple[Node, ...]:
        if type(module) is nn.Flatten:  # torch's own counts the time axis, where there is one
            return plain.flattened(module.start_dim, module.end_dim, x.shape, lead=x.lead)
        layer = self.framework.layer(module)
        return () if layer is None else layer(module, x.shape)

    def _stateful(
        self, path: str, nodes: Sequence[Node], x: Signal, states: Sequence[Any], named: Mapping[str, Any]
    ) -> Any:
        call = self._calls[path]
        self._calls[path] += 1
        reset = self._here.meta["reset"] and self.timing.kind == "step" and self.steps > 1
        refuse(
            (reset, "its state is reset in the forward: it starts anew at every step", "a reset outside the forward"),
            (x.kind == "frames", "a neuron gets all steps as one batch", "MultiStepContainer, or step_mode='m'"),
            (
                x.kind == "read",
                "a neuron follows a reduction over time: it would run once",
                "neurons before the reduction",
            ),
            (x.kind == "static" and self.timing.calls == 1, "a neuron stands before the time axis", "Repeat before it"),
            (
                x.kind == "step" and x.step != call,
                f"call {call + 1} gets a value of step {x.step + 1}: recurrence, or a neuron used twice in one step",
                "one neuron per place, and no feedback",
            ),
        )
        x = x if x.kind == "seq" else replace(x, kind="step", step=call)
        first = self._fed.setdefault(path, x.terms)
        if first != x.terms:
            why = f"step {call + 1} feeds it {list(x.terms)}, the first step {list(first)}"
            refuse((True, f"the steps of the time loop differ: {why}", "the same calls in every step"))
        return self._memory.fire(path, nodes, x, call, states, named)

    # -- checks -------------------------------------------------------------------------------------------------------

    def _check_axis(self, module: nn.Module, x: Signal) -> None:
        if isinstance(module, (*self.framework.pointwise, nn.Flatten)):
            return
        whole = self.framework.multi_step(module)
        refuse(
            (
                whole and x.kind != "seq",
                "takes all steps at once, but gets a value without a time axis",
                "step_mode='s'",
            ),
            (
                not whole and x.kind == "seq",
                "takes one step, but gets all of them: time would be its batch",
                "step_mode='m', a SeqToANNContainer, or Lift",
            ),
        )

    def _check_in_place(self, node: fx.Node, *, written: bool) -> None:
        """Refuse to overwrite a value that is read again later, under this name or another one of the same tensor."""
        source = node.args[0] if written and node.args else None
        while isinstance(source, fx.Node):
            later = [user for user in source.users if self._order[user] > self._order[node]]
            refuse((later, f"{source.name} is overwritten in place and used again later", "the same without in-place"))
            source = source.args[0] if self._passes(source) else None

    def _passes(self, node: fx.Node) -> bool:
        """Whether the node gives its argument on, so that both are one tensor."""
        if node.op == "call_module":
            return isinstance(self.modules[str(node.target)], (nn.Identity, nn.Dropout, nn.Flatten))
        return FUNCTIONS.get(node.target) in {FUNCTIONS[k] for k in ("flatten", "view", "detach", "unsqueeze")}

    def _output(self, node: fx.Node) -> Signal:
        out: Any = fx.map_arg(node.args[0], self._values.__getitem__)
        out = self._memory.readable(self._memory.returned(out))
        if not isinstance(out, Signal):
            why = f"the forward returns a {type(out).__name__}, not one tensor"
            raise CaptureError("not captured", problems=[Problem("", why, "one tensor")])
        if out is LOST:
            return LOST
        last = self.timing.calls - 1
        early = out.kind == "step" and out.step != last
        refuse((early, f"the output is step {out.step + 1} of {last + 1}", "the last step, or a sum over all"))
        self.builder.place(("output",), "output", Output(), self.apply((), out, "", "").terms)
        return out

    # -- names --------------------------------------------------------------------------------------------------------

    def _scope(self, node: fx.Node) -> str:
        stack = node.meta.get("nn_module_stack") or {}
        return str(next(reversed(stack.values()), ("",))[0])

    def _place(self, node: fx.Node) -> str:
        path = str(node.target) if node.op == "call_module" else self._scope(node)
        return path or type(self.network).__name__


_FOR_STATES = (functions.getitem, functions.stack, functions.same)
"""Functions that pass states on; for all others a state is a membrane that is read."""


def _on_sizes(function: Any) -> Callable[..., Any]:
    """Return a function of plain numbers, such as sizes of a shape, in the form that functions of signals have."""
    return lambda _walker, *args: function(*args)


def _hooks(network: nn.Module) -> list[Problem]:
    """Return the modules with forward hooks, which may change what flows and cannot be traced."""
    hooked = [p for p, m in network.named_modules() if m._forward_hooks or m._forward_pre_hooks]  # noqa: SLF001
    why = "a forward hook may change its values"
    return [Problem(path or type(network).__name__, why, "the module with its hooks removed") for path in hooked]


def _signals(values: Any) -> list[Signal]:
    found: list[Signal] = []
    if isinstance(values, Signal):
        return [values]
    if isinstance(values, Mapping):
        values = values.values()
    elif not isinstance(values, (list, tuple)):
        return found
    for value in values:
        found += _signals(value)
    return found
