"""Module -> torch.fx graph: the forward is run once on proxies; layers and neurons stay whole."""

# ruff: noqa: ARG001 - markers are never called

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from torch import Tensor, fx, nn

from neurofer.capture.framework import Framework, Inside
from neurofer.errors import CaptureError, Problem
from neurofer.nets.time import Repeat

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def enter(x: Any, inside: Inside) -> Any:
    """Mark where a container takes the time axis apart; never called, only traced."""
    return x


def leave(x: Any) -> Any:
    """Mark where a container puts the time axis back; never called, only traced."""
    return x


def begin(x: Any) -> Any:
    """Mark where the output of the step before is added to a value; never called, only traced."""
    return x


def close(out: Any, entered: Any) -> Any:
    """Mark the output that `begin` adds to a value in the next step; never called, only traced."""
    return out


def mark(marker: Callable[..., Any], x: fx.Proxy, *args: Any) -> Any:
    """Trace a call of a marker."""
    return x.tracer.create_proxy("call_function", marker, (x, *args), {})


class Entry(nn.Module):
    """Calls the network with its input; further arguments keep their defaults, or are states of the step before."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Any) -> Any:
        states = [x.tracer.create_proxy("placeholder", name, (), {}) for name in _required(self.network)[1:]]
        return self.network(x, *states)


def _required(network: nn.Module) -> list[str]:
    """Return the names of the arguments that a forward cannot do without."""
    given = inspect.signature(network.forward).parameters.values()
    return [p.name for p in given if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


class InPlaceProxy(fx.Proxy):
    """Records ``a += b`` as what it is: fx takes it for ``a = a + b``, which differs where ``a`` has a second name."""

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self._in_place(operator.iadd, other)

    def __imul__(self, other: Any) -> fx.Proxy:
        return self._in_place(operator.imul, other)

    def __itruediv__(self, other: Any) -> fx.Proxy:
        return self._in_place(operator.itruediv, other)

    def __index__(self) -> int:
        """Return T for ``x.shape[0]`` or ``x.size(0)`` of the input: a loop runs over it."""
        steps = getattr(self.tracer, "steps", None)
        if steps is None or not _length_of_input(self.node):
            raise TypeError(f"{self.node.name} is not known before the network runs")
        return int(steps)

    def _in_place(self, function: Callable[..., Any], other: Any) -> fx.Proxy:
        proxy: fx.Proxy = self.tracer.create_proxy("call_function", function, (self, other), {})
        return proxy


def _length_of_input(node: fx.Node) -> bool:
    """Whether a value is the first size of the input."""
    source = node.args[0] if node.args else None
    if not isinstance(source, fx.Node):
        return False
    if node.target == "size":
        return source.op == "placeholder" and node.args[1:] == (0,)
    sizes = source.target == "size" or (source.target is getattr and source.args[1:] == ("shape",))
    first = node.target is operator.getitem and node.args[1:] == (0,) and sizes
    return first and isinstance(source.args[0], fx.Node) and source.args[0].op == "placeholder"


class CaptureTracer(fx.Tracer):
    """Traces into users' modules and keeps torch's and the framework's own whole; paths are those of the network.

    Args:
        framework: tells which modules are whole and which are containers over time.
        steps: T if it is known, so that a forward can loop over its input.
    """

    def __init__(self, framework: Framework, steps: int | None) -> None:
        super().__init__()
        self.framework, self.steps = framework, steps

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, Repeat) or self.framework.layer(m) is not None or self.framework.leaf(m):
            return True
        own = type(m).__module__.startswith("torch.nn") and type(m) is not nn.Module
        return own and not isinstance(m, _CONTAINERS)

    def path_of_module(self, mod: nn.Module) -> str:
        return super().path_of_module(mod).removeprefix("network").removeprefix(".")

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        inside = self.framework.inside(m)
        if inside is None:
            return super().call_module(m, self.framework.forward(m) or forward, args, kwargs)
        entered = self.create_proxy("call_function", enter, (*args, inside), {})
        found = super().call_module(m, partial(_in_a_row, cast("nn.Sequential", m)), (entered,), {})
        return self.create_proxy("call_function", leave, (found,), {})

    def create_arg(self, a: Any) -> Any:
        """Keep the value that a tensor has now: a buffer, such as a membrane, is put back after tracing."""
        found: Any = super().create_arg(a)
        if isinstance(a, Tensor) and isinstance(found, fx.Node):
            found.meta["value"] = a.detach().clone()
        return found

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return InPlaceProxy(node, self)

    def iter(self, obj: fx.Proxy) -> Iterator[Any]:
        if obj.node.op == "placeholder" and self.steps is not None:
            return iter([self.create_proxy("call_function", operator.getitem, (obj, t), {}) for t in range(self.steps)])
        found: Iterator[Any] = super().iter(obj)
        return found


def _in_a_row(container: Iterable[nn.Module], x: Any) -> Any:
    for child in container:
        x = child(x)
    return x


def trace(network: nn.Module, framework: Framework, steps: int | None) -> fx.Graph:
    """Trace the forward of ``network`` in evaluation mode; the network is the same afterwards as before.

    Raises:
        CaptureError: the forward branches on data, or does what cannot run on proxies; names the module path and all
            modules that could not be captured either.
    """
    tracer = CaptureTracer(framework, steps)
    with _evaluating(network) as before:
        try:
            graph = tracer.trace(Entry(network))
            _mark_resets(graph, network, before)
            return graph
        except (ValueError, TypeError, AttributeError, RuntimeError, LookupError, NotImplementedError) as error:
            path = next(reversed(tracer.module_stack.values()), ("", None))[0]
            problem = Problem(
                path or type(network).__name__,
                f"its forward cannot be traced: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
                "a forward of module calls and sums whose branches and loops do not depend on tensors; for time "
                "loops over the input give steps=, to repeat an image use neurofer.nets.time.Repeat",
            )
            raise CaptureError(
                f"{type(network).__name__} cannot be captured", problems=[problem, *unknown_modules(network, framework)]
            ) from error


def unknown_modules(network: nn.Module, framework: Framework) -> list[Problem]:
    """Return every module that would stay whole but that no layer of the framework describes."""
    tracer = CaptureTracer(framework, None)
    leaves = [(path, m) for path, m in network.named_modules() if tracer.is_leaf_module(m, path)]
    known = [m for _, m in leaves if isinstance(m, Repeat) or framework.inside(m) or framework.layer(m)]
    return [unknown(path, m) for path, m in leaves if m not in known and not _below(path, leaves)]


def _below(path: str, leaves: list[tuple[str, nn.Module]]) -> bool:
    return any(above != path and path.startswith(f"{above}." if above else "") for above, _ in leaves)


def unknown(path: str, module: nn.Module) -> Problem:
    """Return the problem of a module that no layer describes."""
    kind = f"{type(module).__module__.split('.')[0]}'s {type(module).__name__}"
    return Problem(path or type(module).__name__, f"{kind} cannot be captured", "a module listed by neurofer.capture")


Contents = dict[nn.Module, dict[str, tuple[Any, dict[Any, Any] | None]]]


def _mark_resets(graph: fx.Graph, network: nn.Module, before: Contents) -> None:
    """Mark the calls of modules whose buffers the forward replaced: membranes that it set to zero."""
    for node in graph.nodes:
        if node.op == "call_module":
            module = network.get_submodule(str(node.target))
            buffers = before[module]["_buffers"][1] or {}
            node.meta["reset"] = any(value is not buffers.get(name) for name, value in module._buffers.items())  # noqa: SLF001


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[Contents]:
    """Show the forward ``training = False`` everywhere; whatever it sets or resets on the way is put back."""
    before: Contents = {m: {k: (value, _copied(value)) for k, value in vars(m).items()} for m in network.modules()}
    for module in before:
        module.training = False
    try:
        yield before
    finally:
        for module, attributes in before.items():
            vars(module).clear()
            for name, (value, contents) in attributes.items():
                vars(module)[name] = value
                if contents is not None:
                    value.clear()
                    value.update(contents)


def _copied(value: object) -> dict[Any, Any] | None:
    """Return the contents of a dictionary: where modules keep parameters, buffers, children and membranes."""
    return dict(value) if isinstance(value, dict) else None
