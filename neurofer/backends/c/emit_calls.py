"""The functions a caller sees: init, step and sequence, which call the stages on their places in the state."""

from __future__ import annotations

from collections.abc import Sequence

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
    """Return the functions for one step and for a sequence."""
    arguments = signature(plan)
    step = [
        f"void {name}_step({name}_state *state{arguments})",
        "{",
        "    const int32_t start = (int32_t)NF_TAKEN;",
        *_stages(plan, functions, "STEP"),
        "    NF_TAKEN++;",
        "}",
    ]
    sequence = [f"void {name}_sequence({name}_state *state{arguments})", "{", "    NF_TIME(0);"]
    if plan.sequence == "layers":
        step = ["#ifndef MODEL_ONLY_SEQUENCE", *step, "#endif"]
        sequence += _stages(plan, functions, "SEQUENCE")
    else:
        inputs, outputs = ([_moved(port, end) for port in ports] for ports, end in _ends(plan))
        sequence += [
            "    NF_TAKEN = 0;",
            f"    for (int32_t t = 0; t < {plan.program.contract.steps}; t++)",
            f"        {name}_step({', '.join(['state', *inputs, *outputs])});",
        ]
    return "\n".join([*step, "", *sequence, "}\n"])


def _ends(plan: Plan) -> tuple[tuple[tuple[Port, ...], str], tuple[tuple[Port, ...], str]]:
    return (plan.inputs, "_in"), (plan.outputs, "_out")


def _moved(port: Port, end: str) -> str:
    array = f"{port.identifier}{end}"
    return array if port.static else f"{array} + (ptrdiff_t)t * {port.layout.size}"


def _stages(plan: Plan, functions: Sequence[Function], prefix: str) -> list[str]:
    single = prefix == "STEP"
    lines = []
    for index, (stage, function) in enumerate(zip(plan.stages, functions, strict=True), start=1):
        steps = 1 if single or stage.static else plan.program.contract.steps

        def at(buffer: Buffer) -> str:
            return f"NF_AT({C_TYPES[buffer.type]}, {prefix}_{buffer.name.upper()})"

        given = [
            "NF_WEIGHTS",
            str(steps),
            "start" if single else "0",
            *map(at, function.reads),
            *(f"{port.identifier}_in" for port in function.takes),
            *map(at, function.writes),
            *(f"{port.identifier}_out" for port in function.gives),
            *(at(buffer) if single else "NULL" for buffer in function.kept),
        ]
        once = single and stage.static
        margin = "        " if once else "    "
        lines += ["    if (start == 0)"] if once else []
        lines += [f"{margin}{called(function.name, given, margin)};", f"    NF_TIME({index});"]
    return lines
