"""The functions a caller sees: init, step, sequence and batch, which call the stages on their places in the state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from neurofer.backends.c.emit_function import Function, called
from neurofer.backends.c.plan import Plan
from neurofer.backends.c.plan_memory import Arena
from neurofer.backends.c.plan_stages import C_TYPES, Buffer, Port


def signature(plan: Plan) -> str:
    """Return the parameters of a step or a sequence behind the state."""
    (inputs, entering), (outputs, leaving) = _ends(plan)
    given = [f", const {C_TYPES[port.type]} *{port.identifier}{entering}" for port in inputs]
    return "".join([*given, *(f", {C_TYPES[port.type]} *{port.identifier}{leaving}" for port in outputs)])


def arrays(plan: Plan) -> str:
    """Return what the arrays of a step are, a line each, for a comment."""
    return "\n".join(
        f"     {port.identifier}{end}: {_told(plan, port)}" for ports, end in _ends(plan) for port in ports
    )


def _told(plan: Plan, port: Port) -> str:
    shape = ", ".join(map(str, port.shape))
    unit = f", in units of 2^{-port.exponent}" if port.exponent else ""
    once = ", the same in every step: a sequence takes it once" if port.static else ""
    return f"{plan.program.domains[port.name]} [{shape}]{unit}{once}"


def places(plan: Plan, name: str) -> str:
    """Return the constants that say where buffers lie."""
    kinds = [("STEP", False)] + ([("SEQUENCE", True)] if plan.sequence == "layers" else [])

    def table(*, record: bool) -> str:
        lines = []
        for prefix, layers in kinds:
            found = plan.arena(layers=layers, record=record)
            lines += [_place(prefix, found, buffer) for buffer in found.buffers.values()]
        return "\n".join(lines)

    return (
        f"/* Where buffers lie in the state, in bytes; those that are not needed at once share room. */\n"
        f"#ifdef MODEL_RECORD\nenum {{\n{table(record=True)}\n}};\n#else\nenum {{\n{table(record=False)}\n}};\n#endif\n"
        f"#define NF_AT(type, place) ((type *)(void *)((unsigned char *)state->words + (place)))\n"
        f"#define NF_WEIGHTS ((const unsigned char *)(uintptr_t)state->words[0])\n"
        f"#define NF_TAKEN state->words[1] /* steps */\n\n"
        f"void {name}_init({name}_state *state, const void *weights)\n{{\n"
        f"    state->words[0] = (uint64_t)(uintptr_t)weights;\n    NF_TAKEN = 0;\n}}\n"
    )


def _place(prefix: str, arena: Arena, buffer: Buffer) -> str:
    size, unit = buffer.bytes(arena.steps), C_TYPES[buffer.type]
    return f"    {prefix}_{buffer.name.upper()} = {arena.offsets[buffer.name]}, /* {size} bytes, {unit} */"


def calls(plan: Plan, name: str, functions: Sequence[Function]) -> str:
    """Return the functions for one step, for a sequence and for several of them."""
    step = [
        f"void {name}_step({name}_state *state{signature(plan)})",
        "{",
        "    const int32_t start = (int32_t)NF_TAKEN;",
        *_each(plan, functions, "STEP"),
        "    NF_TAKEN++;",
        "}",
    ]
    if plan.sequence == "layers":
        step = ["#ifndef MODEL_ONLY_SEQUENCE", *step, "#endif"]
    return "\n".join([*step, "", *_sequence(plan, name, functions), *_batch(plan, name, functions), ""])


def _sequence(plan: Plan, name: str, functions: Sequence[Function]) -> list[str]:
    head = [f"void {name}_sequence({name}_state *state{signature(plan)})", "{", "    NF_TIME(0);"]
    if plan.sequence == "layers":
        return [*head, *_each(plan, functions, "SEQUENCE"), "}"]
    arguments = ["state", *_moved(plan, "t", lambda port: 0 if port.static else 1)]
    return [
        *head,
        "    NF_TAKEN = 0;",
        f"    for (int32_t t = 0; t < {plan.program.contract.steps}; t++)",
        f"        {name}_step({', '.join(arguments)});",
        "}",
    ]


def _batch(plan: Plan, name: str, functions: Sequence[Function]) -> list[str]:
    """Return the function for several samples: all stages of each, but those that take all samples once for all."""
    if plan.small:
        return []
    steps = plan.program.contract.steps
    each = "    for (int32_t sample = 0; sample < samples; sample++)"
    lines = ["", f"void {name}_batch({name}_state *states, int32_t samples{signature(plan)})", "{"]
    if plan.sequence != "layers":
        arguments = ["states + sample", *_moved(plan, "sample", lambda port: 1 if port.static else steps)]
        return [*lines, each, f"        {name}_sequence({', '.join(arguments)});", "}"]
    lines += ["    if (samples < 1)", "        return;", "    NF_TIME(0);"]
    for together, group in groupby(enumerate(functions, start=1), lambda item: item[1].samples):
        found = [line for index, function in group for line in _call(plan, index, function, "SEQUENCE", batch=True)]
        if together:
            lines += ["    {", f"        {name}_state *const state = states;"]
        else:
            lines += [f"{each} {{", f"        {name}_state *const state = states + sample;"]
        lines += [f"    {line}" for line in found] + ["    }"]
    return [*lines, "}"]


def _ends(plan: Plan) -> tuple[tuple[tuple[Port, ...], str], tuple[tuple[Port, ...], str]]:
    return (plan.inputs, "_in"), (plan.outputs, "_out")


def _moved(plan: Plan, index: str, frames: Callable[[Port], int]) -> list[str]:
    """Return the caller's arrays, ``index`` times as many frames on."""
    return [_on(port, end, index, frames(port)) for ports, end in _ends(plan) for port in ports]


def _on(port: Port, end: str, index: str, frames: int) -> str:
    array = f"{port.identifier}{end}"
    return f"{array} + (ptrdiff_t){index} * {frames * port.layout.size}" if frames else array


def _each(plan: Plan, functions: Sequence[Function], prefix: str) -> list[str]:
    return [line for k, function in enumerate(functions, start=1) for line in _call(plan, k, function, prefix)]


def _call(plan: Plan, index: int, function: Function, prefix: str, *, batch: bool = False) -> list[str]:
    """Return the call of a stage: in a step, a sequence, or for the samples of a batch."""
    single, stage = prefix == "STEP", plan.stages[index - 1]
    steps = plan.program.contract.steps

    def at(buffer: Buffer) -> str:
        return f"NF_AT({C_TYPES[buffer.type]}, {prefix}_{buffer.name.upper()})"

    def array(port: Port, end: str) -> str:
        return _on(port, end, "sample", (1 if port.static else steps) if batch else 0)

    given = [
        "NF_WEIGHTS",
        str(1 if single or stage.static else steps),
        "start" if single else "0",
        *(["samples" if batch else "1"] if function.samples else []),
        *map(at, function.reads),
        *(array(port, "_in") for port in function.takes),
        *map(at, function.writes),
        *(array(port, "_out") for port in function.gives),
        *(at(buffer) if single else "NULL" for buffer in function.kept),
    ]
    once = single and stage.static
    margin = "        " if once else "    "
    lines = ["    if (start == 0)"] if once else []
    return [*lines, f"{margin}{called(function.name, given, margin)};", f"    NF_TIME({index});"]
