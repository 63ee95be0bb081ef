"""Stages that compute nothing, as C: inputs, concatenation, delays."""

from __future__ import annotations

from neurofer.backends.c.emit_function import Function, Pool
from neurofer.backends.c.emit_neuron import literal
from neurofer.backends.c.plan_stages import C_TYPES, Enter, Join, Keep, Late, Reorder, Window, reads


def enter(stage: Enter, pool: Pool) -> Function:
    """Return the function that takes an input in."""
    grid, out, given = stage.out.layout, stage.out, f"{stage.port.identifier}_in"
    if out.type == "bits":
        pool.kernels.use_file("generic_spikes.h")
        pairs = grid.channels == 2
        name = pool.kernels.call("pack_pairs" if pairs else "pack")
        channels = "" if pairs else f"{grid.channels}, "
        call = f"{name}({given}, steps, {channels}{grid.height}, {grid.width}, {grid.row}, {out.name});"
    else:
        name = pool.kernels.call("interleave", x=out.type)
        call = f"{name}({given}, steps, {grid.channels}, {grid.pixels}, {out.name});"
    return Function(f"stage_{out.name}", f"{stage.node}: input {grid}", [call], takes=(stage.port,), writes=(out,))


def join(stage: Join, pool: Pool) -> Function:
    """Return the function of a Concat."""
    grid, out = stage.out.layout, stage.out
    bits = out.type == "bits"
    lines = [f"memset({out.name}, 0, (size_t)steps * {grid.words} * sizeof *{out.name});"] if bits else []
    for k, (part, (y, x, c), unit) in enumerate(stage.parts):
        lines.append(pool.window(f"part_{k}", part, Window()))
        place = f"{part.name}, steps, {y}, {x}, {c}, {grid.height}"
        if bits:
            name = pool.kernels.call("place_plane")
            lines.append(f"{name}(&part_{k}, {place}, {grid.channels}, {grid.row}, {out.name});")
        else:
            graded = {} if part.type == "bits" else {"x": part.type}
            name = pool.kernels.call("place_value" if graded else "place_bits", s=out.type, **graded)
            one = literal(unit, out.type)
            lines.append(f"{name}(&part_{k}, {one}, {place}, {grid.width}, {grid.channels}, {out.name});")
    parts = tuple(dict.fromkeys(reads(stage)))
    return Function(f"stage_{out.name}", f"{stage.node}: {grid}, joined", lines, reads=parts, writes=(out,))


def late(stage: Late, pool: Pool) -> Function:
    """Return the function of a Delay."""
    source, past, out = stage.source, stage.past, stage.out
    lag = pool.constant(stage.lag.values, "int32_t")
    slot = f"{past.name} + (ptrdiff_t)(start % slots) * {source.hop}"
    lines = [
        f"const {C_TYPES[source.type]} *history = {source.name};",
        f"int32_t slots = {1 if source.slots == 1 else 'steps'};",
        f"if ({past.name} != NULL) {{",
        f"    slots = {past.slots};",
        f"    memcpy({slot}, {source.name}, {source.hop} * sizeof *{source.name});",
        f"    history = {past.name};",
        "}",
    ]
    if out.type == "bits":
        lines += [
            pool.window("window", source, Window()),
            f"{pool.kernels.call('delay_plane')}(&window, {lag}, history, slots, start, steps, {out.name});",
        ]
    else:
        name = pool.kernels.call("delay_value", x=source.type)
        lines.append(f"{name}({lag}, history, {source.hop}, slots, start, steps, {out.name});")
    comment = f"{stage.node}: {out.layout}, each a number of steps late"
    return Function(f"stage_{out.name}", comment, lines, reads=(source,), writes=(out,), kept=(past,))


def reorder(stage: Reorder, pool: Pool) -> Function:
    """Return the function that moves a buffer into another grid."""
    source, out, grid = stage.source, stage.out, stage.out.layout
    lines = [pool.window("window", source, Window())]
    if out.type == "bits":
        place = f"{grid.height}, {grid.width}, {grid.channels}, {grid.row}"
        lines.append(f"{pool.kernels.call('reorder_plane')}(&window, {source.name}, steps, {place}, {out.name});")
    else:
        name = pool.kernels.call("reorder_value", x=source.type)
        lines.append(f"{name}(&window, {source.name}, steps, {grid.pixels}, {grid.channels}, {out.name});")
    comment = f"{source.name} {source.layout} as {grid}"
    return Function(f"stage_{out.name}", comment, lines, reads=(source,), writes=(out,))


def keep(stage: Keep) -> Function:
    """Return the function that keeps a buffer for the next step."""
    source, out = stage.source, stage.out
    lines = [f"memcpy({out.name}, {source.name}, {source.hop} * sizeof *{out.name});"]
    return Function(f"stage_{out.name}", f"{stage.node}, for the next step", lines, reads=(source,), writes=(out,))
