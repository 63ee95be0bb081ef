"""``main.c``: what runs a generated model on a board, sample by sample, and counts its instructions."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence

from neurofer.backends.c.plan import Plan
from neurofer.backends.c.plan_stages import C_TYPES, Port

ROUNDS = 1 << 20
"""Of a loop of two instructions, by which the counter's ticks are measured."""

DESCRIPTION, SAMPLES, RECORD, COUNTS = "model.json", "samples.bin", "record.bin", "counts.bin"
"""Files of the host: what the model says of itself, inputs, states and outputs (of a build with ``MODEL_RECORD``), and
64-bit counts: ticks of the loop, bytes of a state, ticks of every sample, bytes of stack."""

_MAIN = """\
/* Runs the model on every sample of {samples} and counts what that takes. Written by neurofer.
   With -DMODEL_RECORD it also writes the states, which hold every spike, and the outputs.
   Built for the emulated machine with: {command} -o main.elf *.c */
#include "board.h"
#include "model.h"

#include <string.h>

{arrays}
static model_state state;

static int read_sample(int32_t samples)
{{
    return {reads};
}}

static void count(int32_t counts, uint64_t value)
{{
    board_write(counts, &value, sizeof value);
}}

static void run(int32_t record)
{{
    model_init(&state, model_weights);
{run}
}}

int main(void)
{{
    const int32_t samples = board_open("{samples}", BOARD_READ), counts = board_open("{counts}", BOARD_WRITE);
    int32_t record = 0;
    uint64_t start;
#ifdef MODEL_RECORD
    const char *description = model_describe();
    board_write(board_open("{description}", BOARD_WRITE), description, (uint32_t)strlen(description));
    record = board_open("{record}", BOARD_WRITE);
#endif
    board_start_counter();
    start = board_counter();
    board_loop({rounds});
    count(counts, board_counter() - start);
    count(counts, sizeof state);
    while (read_sample(samples)) {{
        start = board_counter();
        run(record);
        count(counts, board_counter() - start);
#ifdef MODEL_RECORD
{writes}
#endif
    }}
    count(counts, board_stack());
    return 0;
}}
"""

_LAYERS = """\
    model_sequence(&state, {arguments});
#ifdef MODEL_RECORD
    board_write(record, &state, sizeof state);
#endif
    (void)record;"""

_STEPS = """\
    for (int32_t t = 0; t < {steps}; t++) {{
        model_step(&state, {arguments});
#ifdef MODEL_RECORD
        board_write(record, &state, sizeof state);
#endif
    }}
    (void)record;"""


def main(plan: Plan, command: Sequence[str]) -> str:
    """Return the text of ``main.c`` for a plan.

    Args:
        plan: of the model; states hold all steps, or one each where steps feed back.
        command: that builds it, for the reader.
    """
    steps = plan.program.contract.steps
    given = {f"in_{i}": port for i, port in enumerate(plan.inputs)}
    got = {f"out_{i}": port for i, port in enumerate(plan.outputs)}
    arrays = [
        f"static {C_TYPES[port.type]} {name}[{values(port, steps)}]; /* {port.name} */"
        for name, port in (given | got).items()
    ]
    return _MAIN.format(
        arrays="\n".join(arrays),
        reads="\n        && ".join(f"board_read(samples, {name}, sizeof {name}) == sizeof {name}" for name in given),
        run=_run(plan.sequence, given | got, steps),
        writes="\n".join(f"        board_write(record, {name}, sizeof {name});" for name in got),
        samples=SAMPLES,
        counts=COUNTS,
        record=RECORD,
        description=DESCRIPTION,
        rounds=ROUNDS,
        command=shlex.join(command),
    )


def _run(sequence: str, ports: Mapping[str, Port], steps: int) -> str:
    if sequence == "layers":
        return _LAYERS.format(arguments=", ".join(ports))
    arguments = [name if port.static else f"{name} + t * {math.prod(port.shape)}" for name, port in ports.items()]
    return _STEPS.format(steps=steps, arguments=", ".join(arguments))


def values(port: Port, steps: int) -> int:
    """Return how many values the array of an input or output holds."""
    return math.prod(port.shape) * (1 if port.static else steps)
