"""Where time is in a traced network: along an axis, in a loop that fx unrolled, or outside, one call per step."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import fx, nn

from neurofer.capture.framework import Framework
from neurofer.capture.trace import enter
from neurofer.errors import Problem
from neurofer.nets.time import Repeat


@dataclass(frozen=True)
class Timing:
    """What a traced network says about time.

    Attributes:
        kind: of the input: ``seq`` with a time axis, ``static`` repeated by the network itself, ``step`` otherwise.
        calls: T of an unrolled time loop, else 1.
        steps: T where the network fixes it, else None.
        timeless: neither neurons nor a time axis: an ANN.
        problems: contradictions.
    """

    kind: Literal["seq", "static", "step"]
    calls: int
    steps: int | None
    timeless: bool
    problems: tuple[Problem, ...] = ()


def read_timing(graph: fx.Graph, modules: Mapping[str, nn.Module], framework: Framework) -> Timing:
    """Return where time is in ``graph``; ``modules`` are the network's, by path."""
    called = [(node, modules[str(node.target)]) for node in graph.nodes if node.op == "call_module"]
    repeats = {steps for node in graph.nodes if (steps := repeated(node, modules)) is not None}
    stateful = Counter(str(node.target) for node, m in called if isinstance(m, framework.stateful))
    calls = max(stateful.values(), default=1)
    along = any(framework.multi_step(m) for _, m in called) or any(node.target is enter for node in graph.nodes)
    problems = [
        Problem(path, f"called {count} times where other neurons are called {calls} times", "one call per time step")
        for path, count in stateful.items()
        if count != calls
    ]
    if calls > 1:
        problems += [
            Problem(
                path,
                f"takes all steps at once, but is called {count} times: the calls share its state",
                "one neuron each",
            )
            for path, count in stateful.items()
            if framework.multi_step(modules[path])
        ]
    known = repeats | ({calls} if calls > 1 else set())
    if len(known) > 1:
        problems.append(Problem("forward", f"the number of steps differs: {sorted(known)}", "one T"))
    kind: Literal["seq", "static", "step"] = "step"
    if repeats:
        kind = "static"
    elif along or (calls > 1 and _indexed(graph)):
        kind = "seq"
    elif calls > 1:
        kind = "static"
    timeless = kind == "step" and not stateful
    return Timing(kind, calls, max(known, default=None), timeless, tuple(problems))


def _indexed(graph: fx.Graph) -> bool:
    """Whether the input is taken apart step by step: ``x[t]``."""
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    users = [user for node in inputs for user in node.users if user.target is operator.getitem]
    return any(isinstance(user.args[1], int) for user in users)


def repeated(node: fx.Node, modules: Mapping[str, nn.Module]) -> int | None:
    """Return T if ``node`` shows one value T times along a new first axis, else None."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        return module.steps if isinstance(module, Repeat) else None
    if node.target is torch.stack:
        copies = node.args[0] if node.args else None
        return len(copies) if isinstance(copies, (list, tuple)) and len(set(copies)) == 1 < len(copies) else None
    if node.op == "call_method" and node.target in ("repeat", "expand") and _unsqueezed(node.args[0]):
        sizes = node.args[1] if isinstance(node.args[1], (list, tuple)) else node.args[1:]
        return sizes[0] if isinstance(sizes[0], int) else None
    return None


def _unsqueezed(value: object) -> bool:
    """Whether a value has got a new first axis: ``x.unsqueeze(0)`` or ``x[None]``."""
    if not isinstance(value, fx.Node):
        return False
    if value.target is operator.getitem:
        return value.args[1] is None
    axis = value.kwargs.get("dim", value.args[1] if len(value.args) > 1 else None)
    return value.target in ("unsqueeze", torch.unsqueeze) and bool(axis == 0)
