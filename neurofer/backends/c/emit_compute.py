"""Stages that add up and fire, as C: for each pixel the drive of all steps, then all steps of its neurons."""

from __future__ import annotations

import re
from collections.abc import Iterable
from textwrap import indent

from neurofer.backends.c.emit_function import Function, Pool
from neurofer.backends.c.emit_neuron import Body, described, literal
from neurofer.backends.c.plan_stages import C_TYPES, Buffer, Compute, Port, Term, reads

_BITS = 32
"""Spikes that are gathered before they are put into a plane: a word of small processors."""


def compute(stage: Compute, pool: Pool) -> Function:
    """Return the function of a stage that adds up its terms."""
    grid, kind = stage.layout, C_TYPES[stage.number]
    body = Body(stage)
    loop = _fire(stage, body, pool) if _fires(stage) else _store(stage, body)
    given = _given(stage)
    pixel = [
        f"const ptrdiff_t at = (ptrdiff_t)(y * {grid.width} + x) * {grid.channels};",
        *_memory(stage, pool),
        *_steps(stage, pool, [f"const {kind} *const drive_t = {_now(stage, given)};", *loop]),
    ]
    if not _uses(pixel[1:], "at"):
        del pixel[0]
    lines = []
    if given is None:
        lines += [pool.window(f"window_{k}", term.source.buffer, term.window) for k, term in enumerate(stage.terms)]
    lines += [f"const {kind} *const {name} = {pool.constant(values, kind)};" for name, values in body.arrays.items()]
    if _uses(pixel, "drive"):
        lines.append(f"{kind} *const drive = {stage.scratch.name};")
    if _fires(stage):
        lines.append(f"memset({_out(stage)}, 0, (size_t)steps * {grid.words} * sizeof *{_out(stage)});")
    lines += [
        f"for (int32_t y = 0; y < {grid.height}; y++)",
        f"    for (int32_t x = 0; x < {grid.width}; x++) {{",
        _deeper(pixel, 2),
        "    }",
    ]
    return Function(
        f"stage_{_stem(stage)}",
        described(stage),
        lines,
        reads=tuple(dict.fromkeys(reads(stage))),
        writes=(*((stage.out,) if isinstance(stage.out, Buffer) else ()), stage.scratch),
        gives=(stage.out,) if isinstance(stage.out, Port) else (),
        kept=[buffer for buffer in (stage.membrane, stage.current) if buffer is not None],
    )


def _steps(stage: Compute, pool: Pool, each: list[str]) -> list[str]:
    """Return the loop over the steps of one pixel, some at a time where there are many: fill the drive, then use it."""
    if _given(stage) is not None:
        return ["for (int32_t t = 0; t < steps; t++) {", _deeper(each), "}"]
    if not stage.tiled:
        return [*_drive(stage, pool, "steps"), "for (int32_t t = 0; t < steps; t++) {", _deeper(each), "}"]
    part = [
        f"const int32_t part = nf_least({stage.tile}, steps - done);",
        *_drive(stage, pool, "part"),
        "for (int32_t t = done; t < done + part; t++) {",
        _deeper(each),
        "}",
    ]
    return [f"for (int32_t done = 0; done < steps; done += {stage.tile}) {{", _deeper(part), "}"]


def _now(stage: Compute, given: Buffer | None) -> str:
    """Return the drive of step t."""
    if given is None:
        return f"drive + (ptrdiff_t){'(t - done)' if stage.tiled else 't'} * {stage.layout.channels}"
    return f"{given.name} + at" if given.slots == 1 else f"{given.name} + at + (ptrdiff_t)t * {given.hop}"


def _given(stage: Compute) -> Buffer | None:
    """Return the buffer that is the drive as it is, None where something has to be computed."""
    if len(stage.terms) > 1 or stage.bias is not None:
        return None
    (term,) = stage.terms
    same = term.kind == "add" and term.unit == 1 and term.source.buffer.type == stage.number
    return term.source.buffer if same and not term.source.delayed else None


def _uses(lines: Iterable[str], name: str) -> bool:
    return any(re.search(rf"\b{name}\b", line) for line in lines)


def _fires(stage: Compute) -> bool:
    return isinstance(stage.out, Buffer) and stage.out.type == "bits"


def _stem(stage: Compute) -> str:
    return stage.out.identifier if isinstance(stage.out, Port) else stage.out.name


def _out(stage: Compute) -> str:
    return f"{stage.out.identifier}_out" if isinstance(stage.out, Port) else stage.out.name


def _deeper(lines: list[str], levels: int = 1) -> str:
    return indent("\n".join(lines), "    " * levels)


def _drive(stage: Compute, pool: Pool, steps: str) -> list[str]:
    """Return the statements that fill the drive of one pixel, so many steps of it."""
    kind, channels = C_TYPES[stage.number], stage.layout.channels
    if stage.bias is None:
        lines = [f"memset(drive, 0, (size_t){steps} * {channels} * sizeof *drive);"]
    else:
        lines = [
            f"const {kind} *const bias = {pool.constant(stage.bias.values, kind)};",
            f"for (int32_t t = 0; t < {steps}; t++)",
            f"    memcpy(drive + (ptrdiff_t)t * {channels}, bias, {channels} * sizeof *drive);",
        ]
    lines += [_term(k, term, stage, pool, steps) for k, term in enumerate(stage.terms) if not term.source.delayed]
    late = [_term(k, term, stage, pool, steps) for k, term in enumerate(stage.terms) if term.source.delayed]
    if stage.late is not None:
        late += [
            f"const {kind} *const late = {pool.constant(stage.late.values, kind)};",
            f"for (int32_t c = 0; c < {channels}; c++)",
            "    drive[c] += late[c];",
        ]
    if late:  # a delayed edge carries nothing at first, not even the bias of what it comes from
        lines += ["if (start > 0) {", _deeper(late), "}"]
    return lines


def _term(index: int, term: Term, stage: Compute, pool: Pool, steps: str) -> str:
    source = term.source.buffer
    graded: dict[str, str] = {} if source.type == "bits" else {"x": source.type}
    kernel = f"{term.kind}_{'value' if graded else 'plane'}"
    given = [f"&window_{index}"]
    types: dict[str, str] = {**graded, "s": stage.number}
    if term.weight is not None:
        types["w"] = term.weight.type
        given.append(pool.constant(term.weight.values, C_TYPES[term.weight.type]))
    elif term.kind != "max":
        given.append(literal(term.unit, stage.number))
    given.append(
        f"{source.name} + (ptrdiff_t)done * {source.hop}" if stage.tiled and source.slots != 1 else source.name
    )
    return f"{pool.kernels.call(kernel, **types)}({', '.join(given)}, {steps}, y, x, drive);"


def _memory(stage: Compute, pool: Pool) -> list[str]:
    """Return the statements that find a pixel's membranes: kept between single steps, else beside the drive."""
    if stage.update is None:
        return []
    kind, channels = C_TYPES[stage.number], stage.layout.channels
    lines = []
    states = (("v", stage.membrane, stage.update.v_init), ("i", stage.current, stage.update.i_init))
    for place, (name, kept, first) in enumerate(states):
        if kept is None:
            continue
        begin = Body(stage)
        value = begin.of(f"{name}_first", first)
        beside = f"drive + {(stage.tile + place) * channels}"
        lines += [
            f"{kind} *const {name} = {kept.name} != NULL ? {kept.name} + at : {beside};",
            "if (start == 0) {",
            *(f"    const {kind} *const {k} = {pool.constant(array, kind)};" for k, array in begin.arrays.items()),
            f"    for (int32_t c = 0; c < {channels}; c++)",
            f"        {name}[c] = {value};",
            "}",
        ]
    return lines


def _fire(stage: Compute, body: Body, pool: Pool) -> list[str]:
    """Return the statements that put the spikes of one pixel and step into the plane, 32 at a time."""
    grid = stage.layout
    row = f"{_out(stage)} + ((ptrdiff_t)t * {grid.height} + y) * {grid.row}"
    if grid.channels % _BITS == 0:
        pool.kernels.use_file("generic_marked.h")
        count, begun, gathered, spikes = (
            str(_BITS),
            f"uint8_t marks[{_BITS}];",
            "marks[c - first] = (uint8_t)s;",
            "nf_marked(marks)",
        )
    else:
        count, begun, gathered, spikes = "count", "uint32_t spikes = 0;", "spikes |= s << (c - first);", "spikes"
    lines = [
        *([] if count != "count" else [f"const int32_t count = nf_least({_BITS}, {grid.channels} - first);"]),
        begun,
        f"for (int32_t c = first; c < first + {count}; c++) {{",
        _deeper([*body.lines(), gathered]),
        "}",
        f"nf_or_bits({row}, x * {grid.channels} + first, {count}, {spikes});",
    ]
    return [f"for (int32_t first = 0; first < {grid.channels}; first += {_BITS}) {{", _deeper(lines), "}"]


def _store(stage: Compute, body: Body) -> list[str]:
    grid, out = stage.layout, _out(stage)
    place = f"{out}[(ptrdiff_t)t * {grid.size} + at + c]"
    if isinstance(stage.out, Port):
        place = f"{out}[(((ptrdiff_t)t * {grid.channels} + c) * {grid.height} + y) * {grid.width} + x]"
    return [
        f"for (int32_t c = 0; c < {grid.channels}; c++) {{",
        _deeper([*body.lines(), f"{place} = {_stored(stage)};"]),
        "}",
    ]


def _stored(stage: Compute) -> str:
    kind = stage.out.type
    return "y_c" if kind == stage.number else f"({C_TYPES[kind]})y_c"
