"""C code in the form of what is generated, written by hand: three binary inputs, two IF neurons, four steps."""

from __future__ import annotations

import numpy as np

from neurofer.backends import reference
from neurofer.backends.c import CNetwork, How, compiler
from neurofer.ir import BINARY, Contract, Edge, Program
from neurofer.ir.nodes import Input, Linear, Neuron, Output

STEPS = 4
WEIGHT = np.array([[2, -1, 3], [1, 1, -2]], np.int8)

HEADER = """#include <stddef.h>
#include <stdint.h>
#ifdef MODEL_RECORD
#define MODEL_STATE_WORDS 7
#else
#define MODEL_STATE_WORDS 3
#endif
typedef struct { uint64_t words[MODEL_STATE_WORDS]; } model_state;
extern const uint64_t model_weights[];
void model_init(model_state *state, const void *weights);
void model_step(model_state *state, const uint8_t *x, int32_t *y);
void model_sequence(model_state *state, const uint8_t *x, int32_t *y);
const char *model_describe(void);
"""

CODE = """#include "model.h"
/* words: the weights' address, two membranes (int32), this step's spikes or, recorded, those of four steps */
void model_init(model_state *state, const void *weights) {
    size_t k;
    for (k = 0; k < MODEL_STATE_WORDS; k++) state->words[k] = 0;
    state->words[0] = (uint64_t)(uintptr_t)weights;
}
static void step(model_state *state, const uint8_t *x, int32_t *y, size_t plane) {
    const int8_t *w = (const int8_t *)(uintptr_t)state->words[0];
    int32_t *v = (int32_t *)(void *)&state->words[1];
    uint64_t spikes = 0;
    int j, k;
    for (j = 0; j < 2; j++) {
        for (k = 0; k < 3; k++) v[j] += w[j * 3 + k] * x[k];
        if (v[j] >= 2) { v[j] = 0; spikes |= (uint64_t)1 << j; }
        y[j] = (int32_t)(spikes >> j & 1) * 3;
    }
    state->words[2 + plane] = spikes;
}
void model_step(model_state *state, const uint8_t *x, int32_t *y) { step(state, x, y, 0); }
void model_sequence(model_state *state, const uint8_t *x, int32_t *y) {
    size_t t;
    for (t = 0; t < 4; t++)
#ifdef MODEL_RECORD
        step(state, x + 3 * t, y + 2 * t, t);
#else
        step(state, x + 3 * t, y + 2 * t, 0);
#endif
}
const char *model_describe(void) {
    return "{\\"steps\\": 4, \\"sequence\\": \\"layers\\","
           "\\"inputs\\": [{\\"name\\": \\"input\\", \\"shape\\": [3], \\"type\\": \\"uint8\\"}],"
           "\\"outputs\\": [{\\"name\\": \\"output\\", \\"shape\\": [2], \\"type\\": \\"int32\\", \\"exponent\\": 1}],"
           "\\"spikes\\": [{\\"node\\": \\"if\\", \\"shape\\": [2], \\"grid\\": [2, 1, 1],"
           "\\"offset\\": 16, \\"steps\\": 4}]}";
}
"""


def program(weight: np.ndarray = WEIGHT) -> Program:
    """Return what the code computes."""
    nodes = {
        "input": Input((3,), BINARY),
        "fc": Linear(weight.astype(np.float32)),
        "if": Neuron(theta=2.0),
        "scale": Linear(np.eye(2, dtype=np.float32) * np.float32(1.5)),
        "output": Output(),
    }
    names = list(nodes)
    return Program(nodes, tuple(map(Edge, names, names[1:])), Contract(steps=STEPS))


def packed(weight: np.ndarray = WEIGHT) -> bytes:
    """Return weights as the code reads them."""
    return weight.astype(np.int8).tobytes().ljust(64, b"\0")


def network(how: How = How(), weights: np.ndarray = WEIGHT) -> CNetwork:  # noqa: B008 - it is frozen
    """Return the code as a network."""
    found = compiler.find()
    basis = reference.load(program(weights))
    return CNetwork(
        basis.program, {}, basis.lift, basis.drop, basis.join, str(found), files(), packed(weights), found, how
    )


def weights_code() -> str:
    """Return them as C."""
    words = ", ".join(f"{word:#x}u" for word in np.frombuffer(packed(), "<u8"))
    return f'#include "model.h"\nconst uint64_t model_weights[] = {{{words}}};\n'


def files() -> dict[str, str]:
    """Return the sources, without their weights."""
    return {"model.c": CODE, "model.h": HEADER}
