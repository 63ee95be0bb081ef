"""What the suite ``embedded`` measures: a small spiking network, the ANN of its layers, and its dense rival in C."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from neurofer.ir import BINARY, REAL, Contract, Edge, Program, Readout
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array
from neurofer.passes import to_grid

STEPS, SIZE, CHANNELS, OUTPUTS = 16, 16, (2, 8, 16), 10
_SPREADS = 0.55, 0.11, 0.08
"""Of the weights: at an input density of 15 % each layer of neurons fires at about as much."""

_HEADER = """\
#ifndef MODEL_H
#define MODEL_H
#include <stdint.h>
typedef struct {{
    uint64_t words[{words}];
}} model_state;
static const uint64_t model_weights[1] = {{0}};
void model_init(model_state *state, const void *weights);
void model_sequence(model_state *state, const uint8_t *input_in, uint8_t *output_out);
const char *model_describe(void);
#endif
"""


@dataclass(frozen=True)
class Case:
    """The network on its grid, the ANN, and a sample ``[T, N, *shape]`` of random spikes for each density."""

    network: Program
    ann: Program
    densities: tuple[float, ...]
    x: Array

    @property
    def frames(self) -> Array:
        """What the ANN reads: the spikes of all steps as counts, ``[N, *shape]``."""
        counts: Array = self.x.sum(axis=0, dtype=np.float32)
        return counts


def make(densities: tuple[float, ...]) -> Case:
    """Return the case with random weights and spikes, always the same."""
    rng = np.random.default_rng(0)
    flat = CHANNELS[2] * (SIZE // 4) ** 2
    shapes = ((CHANNELS[1], CHANNELS[0], 3, 3), (CHANNELS[2], CHANNELS[1], 3, 3), (OUTPUTS, flat))
    weights = [rng.normal(0, spread, shape).astype(np.float32) for spread, shape in zip(_SPREADS, shapes, strict=True)]
    shape = (STEPS, 1, CHANNELS[0], SIZE, SIZE)
    x = np.concatenate([rng.random(shape) < density for density in densities], axis=1).astype(np.uint8)
    return Case(_spiking(weights), _graded(weights), densities, x)


def _spiking(weights: list[Array]) -> Program:
    contract = Contract(steps=STEPS, readout=Readout(reduction="rate"))
    neurons = {f"if{place}": n.Neuron() for place in (1, 2, 3)}
    return to_grid(_chained(n.Input((CHANNELS[0], SIZE, SIZE), BINARY), weights, neurons, contract), bits=8)


def _graded(weights: list[Array]) -> Program:
    contract = Contract(encoder="constant", readout=Readout(reduction="sum"))
    relus = {f"relu{place}": n.Relu() for place in (1, 2)}
    return _chained(n.Input((CHANNELS[0], SIZE, SIZE), REAL), weights, relus, contract)


def _chained(entry: n.Input, weights: list[Array], after: Mapping[str, n.Node], contract: Contract) -> Program:
    """Return convolution, activation, sum pooling, twice, and a linear layer at the end, in a row."""
    nodes: dict[str, n.Node] = {"input": entry}
    activations = list(after.items())
    for place, weight in enumerate(weights[:2], start=1):
        nodes[f"conv{place}"] = n.Conv2d(weight, padding=(1, 1))
        nodes |= [activations[place - 1]]
        nodes[f"pool{place}"] = n.SumPool2d((2, 2))
    nodes |= {"flatten": n.Flatten(), "linear": n.Linear(weights[2]), **dict(activations[2:]), "output": n.Output()}
    names = list(nodes)
    return Program(nodes, tuple(Edge(*pair) for pair in pairwise(names)), contract)


def dense(program: Program) -> dict[str, str]:
    """Return the network as dense C: ``model.c``, ``model.h`` and ``weights.h``.

    Its layers are named and wired as `make` does it; numbers are integers in units of the grid of each layer.
    """
    parts, layers, neurons = [], [], 0
    for place, name in enumerate(("conv1", "conv2", "linear"), start=1):
        node, theta = program.nodes[name], program.nodes[f"if{place}"].theta  # type: ignore[attr-defined]
        weight = node.weight.astype(np.float64)  # type: ignore[attr-defined]
        unit = 2.0 ** -_exponent(weight)
        outputs, read = len(weight), SIZE >> place - 1
        size, kernel, pad = read, 3, 1
        if isinstance(node, n.Linear):  # a window over all that is left
            weight, size, kernel, pad = weight.reshape(outputs, CHANNELS[2], read, read), 1, read, 0
        packed = np.zeros((-(outputs // -4) * 4, *weight.shape[1:]))
        packed[:outputs] = weight / unit
        values = ", ".join(str(int(value)) for value in packed.transpose(0, 2, 3, 1).ravel())
        parts.append(f"static const int8_t weights{place}[] = {{{values}}};")
        numbers = (read, size, weight.shape[1], outputs, kernel, pad, math.ceil(float(theta) / unit))
        layers.append(f"{{{', '.join(map(str, numbers))}, weights{place}}}")
        neurons += size * size * outputs
    sizes = {"STEPS": STEPS, "SIZE": SIZE, "CHANNELS": CHANNELS[0], "OUTPUTS": OUTPUTS, "LAYERS": len(layers)}
    parts += [f"static const layer layers[] = {{{', '.join(layers)}}};"]
    parts += [f"#define {name} {value}" for name, value in {**sizes, "LARGEST": SIZE * SIZE * CHANNELS[1]}.items()]
    code = (Path(__file__).parent / "dense.c").read_text()
    return {"model.c": code, "model.h": _HEADER.format(words=neurons // 2 + 1), "weights.h": "\n".join(parts)}


def _exponent(weight: Array) -> int:
    """Return the smallest k for which all weights are multiples of ``2^-k``."""
    return next(k for k in range(32) if np.array_equal(np.ldexp(weight, k), np.round(np.ldexp(weight, k))))
