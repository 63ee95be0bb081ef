"""Functions and tensor methods in a forward -> what they do to a Signal."""

# ruff: noqa: ARG001 - all functions take the walker, and torch's own arguments

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurofer.capture import containers, trace
from neurofer.capture import torch as plain
from neurofer.capture.framework import refuse
from neurofer.capture.signal import ZEROS, Reduction, Signal, State
from neurofer.ir import nodes as n

if TYPE_CHECKING:
    from neurofer.capture.graph import Walker

BATCH, TIME = "N", "T"
Terms = tuple[str, ...]


# -- sums and products ------------------------------------------------------------------------------------------------


def add(w: Walker, a: Any, b: Any) -> Signal:
    """Add two values: their terms are edges into whatever reads the sum."""
    if not isinstance(a, Signal) or not isinstance(b, Signal):
        signal, constant = (a, b) if isinstance(a, Signal) else (b, a)
        if constant is ZEROS:
            return same(w, signal)
        refuse((isinstance(constant, Tensor) or constant != 0, "a constant is added", "a bias of the layer before"))
        return same(w, signal)
    refuse((a.shape != b.shape, f"shapes {a.shape} and {b.shape} are added by broadcasting", "equal shapes"))
    if "partial" in (a.kind, b.kind) or (a.kind == b.kind == "step" and a.step != b.step):
        return _accumulate(w, a, b)
    if a.pending is None or a.pending != b.pending:
        a, b = w.settle(a), w.settle(b)
    return replace(_common(a, b, "added"), terms=_merge(w, a.terms, b.terms))


def _common(a: Signal, b: Signal, verb: str) -> Signal:
    """Return the one of both whose kind the result has: a static value meets others at every step."""
    if a.kind == b.kind:
        refuse((a.step != b.step, f"values of steps {a.step} and {b.step} are {verb}", "values of one step"))
        return a
    kinds = {a.kind, b.kind}
    mixed = "static" in kinds and kinds & {"step", "seq", "read"}
    refuse((not mixed, f"a value that is {a.kind} and one that is {b.kind} are {verb}", "values with the same axes"))
    return b if a.kind == "static" else a


def _merge(w: Walker, a: Terms, b: Terms) -> Terms:
    """Join two sums; what is in both is scaled by two, since an edge cannot be there twice."""
    common = tuple(term for term in a if term in b)
    if not common:
        return a + b
    doubled = w.builder.place(("scale", 2.0), w.name("add"), n.Scale(2.0), common)
    rest = tuple(term for term in a + b if term not in common)
    return (doubled, *rest)


def _accumulate(w: Walker, a: Signal, b: Signal) -> Signal:
    """Add values of different steps of an unrolled loop; all steps with the same terms are a sum over T."""
    parts: dict[int, Terms] = {}
    for x in (a, b):
        mine = dict(x.parts) if x.kind == "partial" else {x.step: x.terms}
        refuse((x.kind not in ("partial", "step"), f"a value that is {x.kind} is added to a sum over steps", ""))
        for step, terms in mine.items():
            parts[step] = _merge(w, parts[step], terms) if step in parts else terms
    if len(parts) == w.timing.calls and len(set(parts.values())) == 1:
        return Signal(parts[0], a.shape, "read", pending="sum", origin=w.name("sum"))
    return Signal((), a.shape, "partial", parts=tuple(sorted(parts.items())))


def mul(w: Walker, a: Any, b: Any) -> Signal:
    """Multiply by a constant."""
    if isinstance(a, Signal) and isinstance(b, Signal):
        refuse((True, "two values are multiplied", "a sum; products of values are not expressible"))
    return _scale(w, "mul", *((a, b) if isinstance(a, Signal) else (b, a)))


def div(w: Walker, a: Any, b: Any) -> Signal:
    """Divide by a constant."""
    constant = isinstance(a, Signal) and not isinstance(b, Signal)
    refuse((not constant, "division by a value of the network", "division by a constant"))
    zero = bool(np.any(plain.array(b) == 0)) if isinstance(b, Tensor) else b == 0
    refuse((zero, "division by zero", ""))
    return _scale(w, "div", a, 1.0 / b)


def _scale(w: Walker, op: str, x: Signal, factor: Any) -> Signal:
    if isinstance(factor, Tensor):
        factor = _coefficient(x, factor)
    if isinstance(factor, float | int):
        pairs: dict[tuple[Any, float], Reduction] = {("sum", 1.0 / w.steps): "mean", ("mean", w.steps): "sum"}
        if (other := pairs.get((x.pending, factor))) is not None:
            return replace(x, pending=other, origin=w.name(other))
    if np.all(factor == 1):
        return x
    key = ("scale", factor if isinstance(factor, float | int) else factor.tobytes())
    return w.apply((n.Scale(factor),), x, key, w.name(op))


def _coefficient(x: Signal, factor: Tensor) -> Any:
    values = np.asarray(plain.array(factor), np.float64)
    if values.size == 1:
        return float(values.reshape(()))
    shape = x.shape or ()
    if values.ndim == len(shape) + x.lead and set(values.shape[: x.lead]) == {1}:
        values = values.reshape(values.shape[x.lead :])
    try:
        return np.ascontiguousarray(np.broadcast_to(values, shape))
    except ValueError:
        refuse((True, f"a constant {list(values.shape)} does not fit the value {list(shape)}", ""))


# -- layers without a module ------------------------------------------------------------------------------------------


def relu(w: Walker, x: Signal, inplace: bool = False) -> Signal:  # noqa: FBT001, FBT002 - torch's own signature
    """``max(x, 0)``."""
    return w.apply((n.Relu(),), w.settle(x), ("relu",), w.name("relu"))


def dropout(
    w: Walker,
    x: Signal,
    p: float = 0.5,
    training: bool = True,  # noqa: FBT001, FBT002 - torch's own signature
    inplace: bool = False,  # noqa: FBT001, FBT002
) -> Signal:
    """Dropout of a network that runs: nothing is dropped."""
    refuse((training, "F.dropout drops in evaluation too", "training=self.training"))
    return w.apply((n.Dropout(p),), x, ("dropout", p), w.name("dropout"))


def flatten(w: Walker, x: Signal, start_dim: int = 0, end_dim: int = -1) -> Signal:
    """Join dimensions behind the batch."""
    nodes = plain.flattened(start_dim, end_dim, x.shape, lead=x.lead)
    return w.apply(nodes, x, ("flatten", repr(nodes)), w.name("flatten"))


def reshape(w: Walker, x: Signal, *shape: Any) -> Signal:
    """``view`` and ``reshape`` that keep the batch and join everything else, or change nothing."""
    sizes = _sizes(shape)
    have = x.shape or ()
    lead, rest = sizes[: x.lead], sizes[x.lead :]
    axes = (TIME, BATCH)[-x.lead :]
    kept = len(lead) == x.lead and all(size in (axis, -1) for size, axis in zip(lead, axes, strict=True))
    total = math.prod(have)
    flat = len(rest) == 1 and rest[0] in (-1, total)
    why = f"{list(have)} is reshaped to {sizes}"
    refuse((not kept or sizes.count(-1) > 1 or not (flat or rest == have), why, "x.flatten(1)"))
    nodes = plain.flattened(x.lead, -1, x.shape, lead=x.lead) if flat else ()
    return w.apply(nodes, x, ("flatten", repr(nodes)), w.name("flatten"))


def _sizes(sizes: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else tuple(sizes)


def cat(w: Walker, tensors: Sequence[Any], dim: int = 0) -> Signal:
    """Join values along a dimension behind the batch."""
    signals = [w.settle(x) for x in tensors]
    found = signals[0]
    for x in signals[1:]:
        refuse((x.lead != found.lead, "values with and without a time axis are joined", "Repeat before"))
        found = _common(found, x, "joined")
    axis = dim - found.lead if dim >= 0 else dim + len(found.shape or ())
    refuse((axis < 0, f"dimension {dim} is the batch or time", "a dimension behind the batch"))
    node, name, sources = n.Concat(axis), w.name("cat"), list[str]()
    for index, x in enumerate(signals):
        if len(x.terms) == 1 and x.terms[0] not in sources:
            sources.append(x.terms[0])
        else:  # a sum, or the same value twice: one edge each needs one node each
            sources.append(w.builder.place(("copy", index), f"{name}.{index}", n.Scale(1.0), x.terms))
    try:
        shape = node.join([x.shape or () for x in signals])
    except (ValueError, IndexError) as error:
        refuse((True, str(error), ""))
    return replace(found, terms=(w.builder.place(("cat", axis), name, node, sources),), shape=shape)


def max_pool2d(
    w: Walker,
    x: Signal,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    *,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Signal:
    """``F.max_pool2d``."""
    m = SimpleNamespace(kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)
    m.ceil_mode, m.return_indices = ceil_mode, return_indices
    return _pool(w, "max_pool2d", x, plain.max_pool, m)


def avg_pool2d(
    w: Walker,
    x: Signal,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,  # noqa: FBT001, FBT002
    count_include_pad: bool = True,  # noqa: FBT001, FBT002
    divisor_override: int | None = None,
) -> Signal:
    """``F.avg_pool2d``."""
    m = SimpleNamespace(kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)
    m.count_include_pad, m.divisor_override = count_include_pad, divisor_override
    return _pool(w, "avg_pool2d", x, plain.avg_pool, m)


def adaptive_avg_pool2d(w: Walker, x: Signal, output_size: Any) -> Signal:
    """``F.adaptive_avg_pool2d``."""
    m = SimpleNamespace(output_size=output_size)
    return _pool(w, "adaptive_avg_pool2d", x, plain.LAYERS[nn.AdaptiveAvgPool2d], m)


def _pool(w: Walker, op: str, x: Signal, layer: Callable[..., tuple[n.Node, ...]], m: SimpleNamespace) -> Signal:
    refuse((x.lead != 1, "pooling takes one step, but gets all steps", "layer.MaxPool2d or SeqToANNContainer"))
    return w.apply(layer(m, x.shape), w.settle(x), (op, repr(m)), w.name(op))


# -- time, shapes and names -------------------------------------------------------------------------------------------


def mean(w: Walker, x: Signal, dim: Any = None, keepdim: bool = False) -> Signal:  # noqa: FBT001, FBT002
    """Mean over time, or over height and width."""
    return _reduce(w, x, "mean", dim, keepdim=keepdim)


def total(w: Walker, x: Signal, dim: Any = None, keepdim: bool = False) -> Signal:  # noqa: FBT001, FBT002
    """Sum over time, or over height and width."""
    return _reduce(w, x, "sum", dim, keepdim=keepdim)


def _reduce(w: Walker, x: Signal, op: Reduction, dim: Any, *, keepdim: bool) -> Signal:
    shape = x.shape or ()
    rank = len(shape) + x.lead
    dims = sorted(d % rank for d in ((dim,) if isinstance(dim, int) else dim or range(rank)))
    if dims == [0] and x.kind == "seq" and not keepdim:
        return replace(x, kind="read", pending=op, origin=w.name(op))
    refuse((dims[0] == 0 and x.kind == "seq", f"{op} over time and more, or with keepdim", f"x.{op}(0)"))
    over_batch = "over the batch: the network is captured as one step, its readout is in the contract"
    refuse((dims[0] < x.lead, f"{op} {over_batch}", "step_mode='m', or Contract(readout=...)"))
    refuse((dims != [rank - 2, rank - 1] or len(shape) != 3, f"{op} over dimensions {dims}", "pooling"))
    window = (shape[-2], shape[-1])
    pool = n.AvgPool2d(window) if op == "mean" else n.SumPool2d(window)
    nodes = (pool,) if keepdim else (pool, n.Flatten())
    return w.apply(nodes, w.settle(x), (op, "window", keepdim), w.name(op))


def getitem(w: Walker, x: Any, index: Any) -> Any:
    """``x[t]`` of all steps, ``x[None]``, or an item of a shape."""
    if isinstance(x, State) and not x.path:
        return replace(x, name=f"{x.name}[{index}]")
    if not isinstance(x, Signal):
        return x[index]
    if index is None:
        return unsqueeze(w, x, 0)
    refuse((x.kind != "seq" or not isinstance(index, int), f"indexing with {index}", "x[t] on a leading time axis"))
    looped = w.timing.calls > 1
    if looped and 0 <= index < w.timing.calls:
        return replace(x, kind="step", step=index)
    last = index in (-1, w.steps - 1)
    refuse((not last, f"step {index} of {w.steps} is read alone", "x[-1]"))
    return replace(x, kind="read", pending="last", origin=w.name("last"))


def attribute(w: Walker, x: Any, name: str) -> Any:
    """``x.shape`` and ``x.ndim``."""
    refuse((not isinstance(x, Signal) or name not in ("shape", "ndim"), f"attribute {name}", ""))
    return size(w, x) if name == "shape" else rank(w, x)


def size(w: Walker, x: Signal, dim: int | None = None) -> Any:
    """Return the shape, in which time and batch are names."""
    sizes = (*(TIME, BATCH)[-x.lead :], *(x.shape or ()))
    return sizes if dim is None else sizes[dim]


def rank(w: Walker, x: Signal) -> int:
    """Return the number of dimensions, batch and time included."""
    return len(x.shape or ()) + x.lead


def unsqueeze(w: Walker, x: Signal, dim: int) -> Signal:
    """Give a value an axis for time."""
    refuse((dim != 0 or x.kind != "static", f"a dimension is inserted at {dim}", "x.unsqueeze(0).repeat(T, ...)"))
    return replace(x, kind="unit")


def repeat(w: Walker, x: Signal, *sizes: Any) -> Signal:
    """``x.unsqueeze(0).repeat(T, 1, ...)`` and ``.expand(T, -1, ...)``: where time begins."""
    asked = _sizes(sizes)
    same = all(s in (1, -1, have) for s, have in zip(asked[1:], (BATCH, *(x.shape or ())), strict=False))
    timed = x.kind == "unit" and isinstance(asked[0], int) and len(asked) == rank(w, x) and same
    refuse((not timed, f"{x.shape} is repeated as {asked}", "neurofer.nets.time.Repeat(T)"))
    return replace(x, kind="seq")


def stack(w: Walker, tensors: Sequence[Any], dim: int = 0) -> Any:
    """Stack the steps of a loop, or T times one value."""
    first = tensors[0]
    if isinstance(first, State):
        tensors = w.membranes(tensors)
        if isinstance(tensors[0], State):
            return first
        first = tensors[0]
    looped = (
        w.timing.calls > 1
        and [x.step for x in tensors] == list(range(w.timing.calls))
        and {x.kind for x in tensors} == {"step"}
    )
    copies = first.kind == "static" and all(x == first for x in tensors)
    ok = dim == 0 and (copies or (looped and len({x.terms for x in tensors}) == 1))
    refuse((not ok, "values are stacked that are not the steps 0 to T - 1 of one value", "torch.stack(outputs)"))
    return replace(first, kind="seq", step=0)


def zeros(w: Walker, x: Signal, *size: Any, **options: Any) -> State:
    """``torch.zeros_like(x)`` and ``x.new_zeros(...)``: a state before the first step, or an empty sum."""
    return ZEROS


def same(w: Walker, x: Signal) -> Signal:
    """Leave values as they are: ``detach``, ``contiguous``, ``clone``."""
    return x


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add), add),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul), mul),
    **dict.fromkeys((operator.truediv, operator.itruediv, torch.div), div),
    **dict.fromkeys((torch.relu, torch.relu_, F.relu), relu),
    **dict.fromkeys((torch.cat, torch.concat, torch.concatenate), cat),
    F.dropout: dropout,
    F.max_pool2d: max_pool2d,
    F.avg_pool2d: avg_pool2d,
    F.adaptive_avg_pool2d: adaptive_avg_pool2d,
    torch.flatten: flatten,
    torch.reshape: reshape,
    torch.mean: mean,
    torch.sum: total,
    torch.stack: stack,
    torch.unsqueeze: unsqueeze,
    operator.getitem: getitem,
    builtins.getattr: attribute,
    trace.enter: containers.enter,
    trace.leave: containers.leave,
    trace.begin: containers.begin,
    trace.close: containers.close,
    torch.zeros_like: zeros,
    # tensor methods, by name
    **dict.fromkeys(("add", "add_"), add),
    **dict.fromkeys(("mul", "mul_"), mul),
    **dict.fromkeys(("div", "div_"), div),
    **dict.fromkeys(("relu", "relu_"), relu),
    **dict.fromkeys(("view", "reshape"), reshape),
    **dict.fromkeys(("repeat", "expand"), repeat),
    **dict.fromkeys(("detach", "detach_", "contiguous", "clone"), same),
    "flatten": flatten,
    "mean": mean,
    "sum": total,
    "unsqueeze": unsqueeze,
    "size": size,
    "dim": rank,
    "new_zeros": zeros,
}

IN_PLACE = {operator.iadd, operator.imul, operator.itruediv, torch.relu_, "add_", "mul_", "div_", "relu_"}
"""Functions and methods that overwrite their first argument."""
