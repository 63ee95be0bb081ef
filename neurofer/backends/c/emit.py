"""A Program as C99: model.c, model.h and the weights. See `sources` and `emit`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

from neurofer.backends.c.emit_calls import arrays, calls, places, signature
from neurofer.backends.c.emit_compute import compute
from neurofer.backends.c.emit_describe import described
from neurofer.backends.c.emit_function import Function, Pool, harmless
from neurofer.backends.c.emit_fused import fused, pool_spikes
from neurofer.backends.c.emit_kernels import Kernels
from neurofer.backends.c.emit_moves import enter, join, keep, late, reorder
from neurofer.backends.c.plan import Plan, plan
from neurofer.backends.c.plan_arithmetic import Arithmetic
from neurofer.backends.c.plan_stages import (
    Compute,
    Constant,
    Enter,
    Fused,
    Join,
    Keep,
    Late,
    PoolSpikes,
    Reorder,
    Stage,
)
from neurofer.files import replace_file, write_file
from neurofer.ir import Program

_WORDS_A_LINE, _COLUMNS = 8, 116


@dataclass(frozen=True)
class Sources:
    """What is written for a program.

    Attributes:
        plan: stages, numbers, buffers; its ``ram`` and ``flash`` are the room needed in bytes.
        name: prefix of what C sees.
        code: text of ``name.c``; it compiles alone.
        header: text of ``name.h``.
    """

    plan: Plan
    name: str
    code: str
    header: str

    @property
    def weights(self) -> bytes:
        """What ``name_init`` reads: little-endian, a multiple of 64 bytes."""
        return self.plan.weights

    @property
    def weights_code(self) -> str:
        """Text of ``name_weights.c``: the weights as a constant array."""
        words = memoryview(self.weights or bytes(64)).cast("Q")
        rows = (words[k : k + _WORDS_A_LINE] for k in range(0, len(words), _WORDS_A_LINE))
        body = "\n".join(" ".join(f"{word:#x}," for word in row) for row in rows)
        return (
            f'/* The weights of {self.name}.c, little-endian. */\n#include "{self.name}.h"\n\n'
            f"NF_ALIGNED const uint64_t {self.name}_weights[{len(words)}] = {{\n{body}\n}};\n"
        )

    @property
    def arithmetic(self) -> dict[str, Arithmetic]:
        """The numbers of every node that computes."""
        return self.plan.arithmetic


def sources(program: Program, name: str = "model", *, fuse: bool = True, small: bool = False) -> Sources:
    """Return ``program`` as C99 without heap, globals or dependencies.

    Args:
        program: lowered: BatchNorm folded.
        name: an identifier, the prefix of every public name.
        fuse: see `plan`.
        small: see `plan`.

    Raises:
        RefusedError: nodes that are not supported, or values that are not finite; all at once.
    """
    made = plan(program, fuse=fuse, small=small)
    return Sources(made, name, _code(made, name), _header(made, name))


def emit(program: Program, folder: str | Path, name: str = "model") -> Path:
    """Write what `sources` returns; see `write`."""
    return write(sources(program, name), folder)


def write(made: Sources, folder: str | Path) -> Path:
    """Write ``name.c``, ``name.h``, ``name_weights.c`` to ``folder``, which must exist; return the path of ``name.c``.

    Raises:
        WriteError: the folder is missing, read-only or full.
    """
    folder, name = Path(folder), made.name
    for file, text in (
        (f"{name}.h", made.header),
        (f"{name}_weights.c", made.weights_code),
        (f"{name}.c", made.code),
    ):
        path = replace_file(folder / file, lambda draft, text=text: write_file(Path(draft), text))  # type: ignore[misc]
    return path


def _functions(plan: Plan, pool: Pool) -> list[Function]:
    found = []
    for index, stage in enumerate(plan.stages):
        after = next((later.weight for later in plan.stages[index + 1 :] if isinstance(later, Fused)), None)
        found.append(_function(stage, pool, after))
    return found


def _function(stage: Stage, pool: Pool, after: Constant | None) -> Function:
    match stage:
        case Fused():
            return fused(stage, pool, after)
        case Compute():
            return compute(stage, pool)
        case Enter():
            return enter(stage, pool)
        case PoolSpikes():
            return pool_spikes(stage, pool)
        case Join():
            return join(stage, pool)
        case Late():
            return late(stage, pool)
        case Reorder():
            return reorder(stage, pool)
        case Keep():
            return keep(stage)


def _code(plan: Plan, name: str) -> str:
    pool = Pool({key: at for key, (_, at) in plan.constants.items()}, Kernels(small=plan.small))
    functions = _functions(plan, pool)
    definitions = [function.text for function in functions]
    parts = [
        _INTRODUCTION.format(name=name, big=name.upper()),
        pool.kernels.text,
        *definitions,
        places(plan, name),
        calls(plan, name, functions),
    ]
    return "\n".join([*parts, described(plan, name)])


def _header(plan: Plan, name: str) -> str:
    big = name.upper()
    step = f"void {name}_step({name}_state *state{signature(plan)});"
    if plan.sequence == "layers":
        step = f"#ifndef MODEL_ONLY_SEQUENCE\n{step}\n#endif"
    return _HEADER.format(
        name=name,
        big=big,
        steps=plan.program.contract.steps,
        words=plan.state() // 8,
        record=plan.state(record=True) // 8,
        sequence=plan.state(only_sequence=True) // 8,
        step=step,
        arguments=signature(plan),
        batch="" if plan.small else _BATCH.format(name=name, arguments=signature(plan), gain=_gain(plan)),
        arrays=arrays(plan),
        readout=_READOUTS[plan.program.contract.readout.reduction],
        length=max(8, plan.flash // 8),
    )


_INTRODUCTION = """\
/* Written by neurofer: {name}.h says how it is used. C99; compile it with {name}_weights.c and -ffp-contract=off, for
   speed with -O3 -march=native. With -fopenmp the threads of OpenMP share large layers; -DNEUROFER_PLAIN leaves vectors
   out. The spikes are the same from every build. */
#include "{name}.h"
#include <stddef.h>
#include <string.h>

#define NF_HOP {big}_STATE_WORDS /* from the state of a sample to that of the next */

/* Stages are never merged, so that each may use the state's memory as another type. */
#ifdef __GNUC__
#define NF_STAGE static __attribute__((noinline)) void
#else
#define NF_STAGE static void
#endif

#ifdef MODEL_TIMES
#define NF_TIME(stage) model_times(stage)
#else
#define NF_TIME(stage)
#endif
"""

_READOUTS = {
    "sum": "the sum of its outputs over all steps; its largest is the class",
    "last": "its outputs of the last step; their largest is the class",
    "rate": "the mean of its outputs over all steps; its largest is the class",
    "argmax": "which of the sums of its outputs over all steps is largest",
}


def _gain(plan: Plan) -> str:
    """Return what several samples at once are good for."""
    found = ", ".join(stage.node for stage in plan.stages if isinstance(stage, Fused) and stage.linear)
    if plan.sequence != "layers" or not found:
        return "   It takes as long as one sequence after the other."
    told = harmless(f"Read once for all are the weights of {found}.")
    return fill(told, _COLUMNS, initial_indent="   ", subsequent_indent="   ")


_BATCH = """
/* The sequences of `samples` samples, whose arrays lie behind each other: of every array that of sample 0 first, as
   {name}_sequence takes or gives it. Each has a state of its own, for which {name}_init was called.
{gain} */
void {name}_batch({name}_state *states, int32_t samples{arguments});
"""

_HEADER = """\
/* Written by neurofer.

   Compile {name}.c and {name}_weights.c with -ffp-contract=off, for speed with -O3 -march=native. Give `{name}_state`
   room, perhaps more than a stack has, and call {name}_init; then {name}_sequence for {big}_STEPS steps of a sample at
   once, again for the next sample, or {name}_step for one step after another: at most {big}_STEPS of them before
   {name}_init starts the next sample. With -DMODEL_ONLY_SEQUENCE there is no {name}_step, and the state is often a
   fraction. Nothing is allocated, and nothing but the state is written. A sequence takes and gives arrays with one step
   behind the other; those of a step are, as [channels, height, width]:
{arrays}
   The network reads out {readout}. */
#ifndef {big}_H
#define {big}_H

#include <stdint.h>

#define {big}_STEPS {steps}

#if defined(MODEL_RECORD) /* the spikes of all nodes stay in the state */
#define {big}_STATE_WORDS {record}
#elif defined(MODEL_ONLY_SEQUENCE) /* no membranes are kept between single steps */
#define {big}_STATE_WORDS {sequence}
#else
#define {big}_STATE_WORDS {words}
#endif

#ifdef __GNUC__
#define NF_ALIGNED __attribute__((aligned(64)))
#else
#define NF_ALIGNED
#endif

#ifdef __cplusplus
extern "C" {{
#endif

/* On a multiple of 64 bytes: what takes it from a heap has to see to that. */
typedef struct {{
    NF_ALIGNED uint64_t words[{big}_STATE_WORDS];
}} {name}_state;

extern NF_ALIGNED const uint64_t {name}_weights[{length}];

/* `weights` are {name}_weights, or the same bytes from elsewhere at an address that 8 divides. */
void {name}_init({name}_state *state, const void *weights);
{step}
void {name}_sequence({name}_state *state{arguments});
{batch}
#if defined(MODEL_RECORD) || defined(MODEL_DESCRIBE)
const char *{name}_describe(void);
#endif
#ifdef MODEL_TIMES
void model_times(int stage);
#endif

#ifdef __cplusplus
}}
#endif
#endif
"""
