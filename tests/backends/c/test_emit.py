"""Generated C: any program, compiled by any compiler with any flags, spikes as the reference does."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from neurofer.backends import reference
from neurofer.backends.c import compiler as compilers
from neurofer.ir import nodes as n
from neurofer.passes import lower
from tests.ann import anns, images
from tests.backends.c import cases, executable
from tests.backends.c.conftest import COMPILERS
from tests.backends.c.executable import same
from tests.networks import convolutional, replaced, spikes_for
from tests.strategies import frames, programs, rngs

WAYS = {
    "O0": (*executable.STRICT, "-O0"),
    "O3": (*executable.STRICT, "-O3", "-march=native"),
    "plain": (*executable.STRICT, "-O2", "-DNEUROFER_PLAIN"),
    "sanitized": (*executable.SANITIZED, "-march=native"),
    "sanitized plain": (*executable.SANITIZED, "-DNEUROFER_PLAIN"),
}
BUILDS = [
    pytest.param(found.command, way, id=f"{'zig' if found.zig else found.command[0]} {way}")
    for found in COMPILERS
    for way in WAYS
    if not (found.zig and "sanitized" in way)  # it comes without the sanitizers' libraries
]
ZIG = [found.command for found in COMPILERS if found.zig]
ROUNDED = {"many ports", "pooled"}
"""Cases with outputs that float32 rounds."""


@settings(max_examples=8)
@given(programs(), rngs)
def test_any_program_spikes_as_the_reference_does(program, rng):
    program = lower(program)
    same(program, frames(rng, program), compilers.find().command, WAYS["O0"])


@pytest.mark.parametrize("name", cases.CASES)
def test_what_random_programs_seldom_hold(name):
    program = cases.CASES[name]()
    same(program, cases.inputs(program), compilers.find().command, WAYS["O0"], exact=name not in ROUNDED)


@settings(max_examples=4)
@given(anns(), rngs)
def test_any_ann_gives_what_the_reference_does(program, rng):
    program = lower(drop_lonely_norms(program))
    same(program, images(rng, program), compilers.find().command, WAYS["O0"], exact=False)


def drop_lonely_norms(program):
    """The program without BatchNorms that no layer can take up."""
    for name, node in program.nodes.items():
        (source,) = (edge.source for edge in program.predecessors(name)) if program.predecessors(name) else ("",)
        if isinstance(node, n.BatchNorm) and not program.nodes[source].synaptic:
            return drop_lonely_norms(program.without(name))
    return program


@pytest.mark.slow
@pytest.mark.parametrize("fuse", [True, False], ids=["fused", "generic"])
@pytest.mark.parametrize(("compiler", "way"), BUILDS)
def test_every_build_of_any_program_spikes_as_the_reference_does(compiler, way, fuse):
    @settings(max_examples=15)
    @given(programs(), rngs)
    def check(program, rng):
        program = lower(program)
        same(program, frames(rng, program), compiler, WAYS[way], fuse=fuse)

    check()


@pytest.mark.slow
@pytest.mark.parametrize(("compiler", "way"), BUILDS)
@pytest.mark.parametrize("name", cases.CASES)
def test_every_build_of_what_random_programs_seldom_hold(name, compiler, way):
    program = cases.CASES[name]()
    for fuse in (True, False):
        same(program, cases.inputs(program), compiler, WAYS[way], fuse=fuse, exact=name not in ROUNDED)


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.skipif(not shutil.which("qemu-aarch64"), reason="no qemu-aarch64; make test-embedded installs it")
@pytest.mark.skipif(not ZIG, reason="ziglang not installed: pip install 'neurofer[native]'")
@pytest.mark.parametrize("name", cases.CASES)
def test_neon_spikes_as_the_reference_does(name):
    program = cases.CASES[name]()
    compiler, flags = (*ZIG[0], "-target", "aarch64-linux-musl", "-static"), ("-std=c99", "-ffp-contract=off", "-O2")
    same(program, cases.inputs(program), compiler, flags, exact=name not in ROUNDED, runner=["qemu-aarch64"])


@pytest.mark.slow
@pytest.mark.parametrize("fuse", [True, False], ids=["fused", "generic"])
def test_floats_have_the_same_bits_in_every_build(fuse, tmp_path):
    r = np.random.default_rng(0)
    neuron = n.Neuron(0.9, gain=0.3, theta=0.4, v_reset=-0.1, alpha_syn=0.7 if not fuse else None)
    program = convolutional(neuron)
    weights = {k: r.normal(size=v.weight.shape).astype(np.float32) for k, v in program.nodes.items() if v.synaptic}
    program = replaced(program, **{k: replace(program.nodes[k], weight=v) for k, v in weights.items()})
    x = {"input": spikes_for(program)}
    found = []
    for k, (compiler, way) in enumerate(param.values for param in BUILDS):
        folder = tmp_path / str(k)
        folder.mkdir()
        found.append(executable.run(program, x, folder, compiler, WAYS[way], fuse=fuse))
    for kind in (0, 1):
        for other in found[1:]:
            for name, train in found[0].spikes[kind].items():
                assert np.array_equal(train, other.spikes[kind][name]), name
            assert np.array_equal(found[0].outputs[kind]["output"], other.outputs[kind]["output"])
    golden = reference.run(program, x["input"])
    assert np.mean(found[0].spikes[0]["spike1"] == golden.unpack("spike1")) > 0.999
