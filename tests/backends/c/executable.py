"""Generated C as a program of its own: compiled with any flags, sanitizers too, fed through files."""

import math
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurofer.backends import reference
from neurofer.backends.c.description import Plane
from neurofer.backends.c.emit import sources
from neurofer.backends.c.emit_describe import description
from neurofer.backends.c.plan_stages import C_TYPES

STRICT = ("-std=c99", "-ffp-contract=off", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
SANITIZED = (*STRICT, "-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

_MAIN = """\
#include "model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static model_state state, states[{samples}];
{arrays}
static void take(void *to, size_t size) {{ if (fread(to, 1, size, stdin) != size) abort(); }}
static void give(const void *from, size_t size) {{ if (fwrite(from, 1, size, stdout) != size) abort(); }}

int main(void)
{{
    for (int sample = 0; sample < {samples}; sample++) {{
{takes}
        memset(&state, 0xA5, sizeof state);
        memset(&states[sample], 0xA5, sizeof state);
        model_init(&states[sample], model_weights);
        model_init(&state, model_weights);
        model_sequence(&state{whole});
{gives}
        give(&state, sizeof state);
        memset(&state, 0xA5, sizeof state);
        model_init(&state, model_weights);
        for (int t = 0; t < {steps}; t++) {{
            model_step(&state{step});
            give(&state, sizeof state);
        }}
{gives}
    }}
{batch}
    return 0;
}}
"""


@dataclass(frozen=True)
class Found:
    """What came out: spikes of every node and outputs, ``[T, N, *shape]``.

    Of the sequence, of single steps, and of a batch, which small code lacks.
    """

    spikes: list[dict]
    outputs: list[dict]


def run(program, x, folder, compiler, flags, *, runner=(), **form):
    """Compile ``program`` with MODEL_RECORD and run it on ``x``, ``[T, N, *shape]`` by Input node; perhaps emulated."""
    files = sources(program, **form)
    made = files.plan
    (folder / "model.c").write_text(files.code)
    (folder / "model.h").write_text(files.header)
    (folder / "model_weights.c").write_text(files.weights_code)
    steps = program.contract.steps
    samples = next(iter(x.values())).shape[1]
    (folder / "main.c").write_text(_main(made, steps, samples))
    command = [*compiler, *flags, "-DMODEL_RECORD", "-o", "run", "main.c", "model.c", "model_weights.c"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[:4000]
    given = b"".join(_given(port, x[port.name][:, sample]) for sample in range(samples) for port in made.inputs)
    environment = {**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1", "ASAN_OPTIONS": "detect_leaks=0"}
    ran = subprocess.run([*runner, folder / "run"], input=given, capture_output=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr.decode()[:4000]
    return _found(made, ran.stdout, steps, samples)


def same(program, x, compiler, flags, *, exact=True, **form):
    """Assert that compiled code gives the reference's spikes and outputs: in a sequence, in steps, in a batch."""
    golden = reference.run(program, x)
    with tempfile.TemporaryDirectory() as folder:
        found = run(program, golden.inputs, Path(folder), compiler, flags, **form)
    for spikes in found.spikes:
        for name, train in spikes.items():
            assert np.array_equal(train, golden.unpack(name)), name
    for outputs in found.outputs:
        for name, values in outputs.items():
            near = np.array_equal if exact else lambda a, b: np.allclose(a, b, rtol=1e-4, atol=1e-5)
            assert near(values, golden.outputs[name]), name
    assert found.spikes[1].keys() == golden.spikes.keys()
    return golden


def _given(port, frames):
    kind = {"u8": np.uint8, "i32": np.int32, "f32": np.float32}[port.type]
    return np.ascontiguousarray(frames[:1] if port.static else frames, kind).tobytes()


def _main(made, steps, samples):
    inputs = [(port, f"in_{k}", 1 if port.static else steps) for k, port in enumerate(made.inputs)]
    outputs = [(port, f"out_{k}", steps) for k, port in enumerate(made.outputs)]
    everything = [*inputs, *outputs]
    moved = [
        f", {name}" if count == 1 and steps > 1 else f", {name} + t * {port.layout.size}"
        for port, name, count in everything
    ]
    batch = [f"    (void)all_{name};" for _, name, _ in outputs]
    if not made.small:
        batch += [f"    model_batch(states, {samples}{''.join(f', *all_{name}' for _, name, _ in everything)});"]
        batch += [f"    give(all_{name}, sizeof all_{name});" for _, name, _ in outputs]
        batch += ["    give(states, sizeof states);"]
    return _MAIN.format(
        arrays="\n".join(
            f"static {C_TYPES[p.type]} {name}[{p.layout.size * count}], all_{name}[{samples}][{p.layout.size * count}];"
            for p, name, count in everything
        ),
        samples=samples,
        takes="\n".join(
            f"        take({name}, sizeof {name});\n        memcpy(all_{name}[sample], {name}, sizeof {name});"
            for _, name, _ in inputs
        ),
        batch="\n".join(batch),
        gives="\n".join(f"        give({name}, sizeof {name});" for _, name, _ in outputs),
        whole="".join(f", {name}" for _, name, _ in everything),
        step="".join(moved),
        steps=steps,
    )


class _Raw:
    """What the program wrote, taken piece by piece."""

    def __init__(self, made, raw):
        self.bytes, self.at, self.made = np.frombuffer(raw, np.uint8), 0, made

    def take(self, count):
        self.at += count
        return self.bytes[self.at - count : self.at]

    def outputs(self, *shape):
        """Every output, ``[*shape, *port.shape]``."""
        found = {}
        for port in self.made.outputs:
            kind = np.dtype({"u8": "u1", "i32": "<i4", "i64": "<i8", "f32": "<f4"}[port.type])
            values = self.take(kind.itemsize * port.layout.size * math.prod(shape)).view(kind).astype(np.float64)
            found[port.name] = np.ldexp(values, -port.exponent).reshape(*shape, *port.shape)
        return found

    def sequence(self, planes):
        """The spikes of a state that a sequence left."""
        state = self.take(self.made.state(record=True))
        return {plane.node: plane.unpack(state) for plane in planes}

    def steps(self, described, once, steps):
        """The spikes of the states that single steps left."""
        found = {name: [] for name in self.made.spikes}
        for _ in range(steps):
            state = self.take(self.made.state(record=True))
            for entry in described["spikes"]:
                offset = once.offsets[self.made.spikes[entry["node"]].name]
                found[entry["node"]].append(_plane(entry, offset, 1).unpack(state)[0])
        return {name: np.stack(trains) for name, trains in found.items()}


def _found(made, raw, steps, samples):
    described, once = description(made, record=True), made.arena(layers=False, record=True)
    layers = made.sequence == "layers"
    planes = [_plane(entry, entry["offset"], entry["steps"]) for entry in described["spikes"]] if layers else []
    left = _Raw(made, raw)
    runs = []
    for _ in range(samples):
        outputs, spikes = left.outputs(steps), left.sequence(planes)
        single = left.steps(described, once, steps)
        runs.append(((spikes, outputs), (single, left.outputs(steps))))
    ways = [[run[kind] for run in runs] for kind in (0, 1)]
    if not made.small:
        outputs = left.outputs(samples, steps)
        apart = [{name: values[sample] for name, values in outputs.items()} for sample in range(samples)]
        ways.append([(left.sequence(planes), one) for one in apart])
    assert left.at == len(left.bytes)
    return Found(*([_stacked([run[k] for run in way], steps) for way in ways] for k in (0, 1)))


def _stacked(runs, steps):
    """Arrays of all samples, ``[T, N, *shape]``; what is static stands for all steps."""
    found = {name: [run[name] for run in runs] for name in runs[0]}
    return {
        name: np.stack([np.broadcast_to(train, (steps, *train.shape[1:])) for train in trains], axis=1)
        for name, trains in found.items()
    }


def _plane(entry, offset, steps):
    return Plane(node=entry["node"], shape=tuple(entry["shape"]), grid=tuple(entry["grid"]), offset=offset, steps=steps)
