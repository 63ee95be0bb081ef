"""The runtimes that are timed: how each is made ready, told to do its best, and run once without recording anything.

This is imported by the process that a runtime has to itself, which loads nothing of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from neurofer.ir import program_file
from neurofer.ir.nodes import Array
from neurofer.ir.trace import read

if TYPE_CHECKING:
    from neurofer.ir import Program

EXACT, PLAIN, X = "exact.npz", "plain.npz", "x.npy"
OWN, SCAN = "spikingjelly.pt", "snn.onnx"
ANN, ANN_FLOAT, ANN_INT8, ANN_X = "ann.pt", "ann.onnx", "ann-int8.onnx", "ann-x.npy"
"""The files of a workload, which `forms` writes."""


@dataclass(frozen=True)
class Ready:
    """A runtime with everything in place.

    Attributes:
        run: runs all samples once.
        read: what a run returned -> the readout ``[N, *shape]``.
        how: what was chosen for it, in words.
    """

    run: Callable[[], Any]
    read: Callable[[Any], Array]
    how: str


def _native(file: str, folder: Path, threads: int, cpu: str = "native") -> Ready:
    from neurofer.backends import c

    program = program_file.read(folder / file)
    network = c.load(program, threads=threads, cpu=cpu)
    prepared = network.prepare(np.load(folder / X))
    return Ready(prepared.run, lambda _: _readout(program, prepared.outputs()), f"{network.version}, for {cpu}")


def _readout(program: Program, outputs: Mapping[str, Array]) -> Array:
    return read(outputs[program.readout], program.contract.readout)


def _spikingjelly(folder: Path, threads: int) -> Ready:
    import torch
    from spikingjelly.activation_based import functional

    torch.set_num_threads(threads)
    module = torch.load(folder / OWN, weights_only=False)
    x = torch.from_numpy(np.load(folder / X).astype(np.float32))

    def run() -> Any:
        functional.reset_net(module)
        with torch.inference_mode():
            return module(x)

    before, how = _duration(run), "channels last"
    module.to(memory_format=torch.channels_last)
    if _duration(run) > before:
        module.to(memory_format=torch.contiguous_format)
        how = "channels first"
    return Ready(run, np.asarray, f"its own module, multi-step, inference mode, {how}")


def _duration(run: Callable[[], object]) -> float:
    """Return the seconds a run takes, the best of three after a first."""
    times = []
    for _ in range(4):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return min(times[1:])


def _steps(name: str, folder: Path, threads: int) -> Ready:
    import torch

    from neurofer.backends import registry

    torch.set_num_threads(threads)
    program = program_file.read(folder / EXACT)
    network, x = registry.load(name, program), np.load(folder / X)

    def run() -> list[Array]:
        with torch.inference_mode():
            return [values[program.readout] for values in network.values(x)]

    def answer(series: list[Array]) -> Array:
        return read(np.stack(series), program.contract.readout)

    return Ready(run, answer, "its neurons step by step, torch's layers, inference mode")


def _onnx(file: str, x_file: str, folder: Path, threads: int) -> Ready:
    from neurofer.backends.onnx_file import session

    made = session((folder / file).read_bytes(), threads=threads)
    x = np.load(folder / x_file).astype(np.float32)
    fed = {entry.name: x for entry in made.get_inputs()}
    if "steps" in fed:  # of an image that is the same at every step
        fed["steps"] = np.array(program_file.read(folder / EXACT).contract.steps, np.int64)
    names = [output.name for output in made.get_outputs()]
    return Ready(partial(made.run, names, fed), lambda found: np.asarray(found[-1]), "all optimisations")


def _torch_ann(folder: Path, threads: int) -> Ready:
    import torch

    torch.set_num_threads(threads)
    module = torch.load(folder / ANN, weights_only=False)
    x = torch.from_numpy(np.load(folder / ANN_X))
    jit: Any = torch.jit
    with torch.no_grad():
        frozen = jit.optimize_for_inference(jit.freeze(jit.trace(module, x)))
    module.to(memory_format=torch.channels_last)

    def run(network: Any) -> Any:
        with torch.inference_mode():
            return network(x)

    ways = {"traced and frozen": partial(run, frozen), "channels last": partial(run, module)}
    how = min(ways, key=lambda name: _duration(ways[name]))
    return Ready(ways[how], np.asarray, f"inference mode, {how}")


@dataclass(frozen=True)
class Runtime:
    """A runtime to time.

    Attributes:
        prepare: makes it ready: folder of the workload, threads.
        imports: the modules it is made of.
    """

    prepare: Callable[[Path, int], Ready]
    imports: tuple[str, ...]


_C = ("neurofer.backends.c",)
_ORT = ("neurofer.backends.onnx_file", "onnxruntime")

RUNTIMES: Mapping[str, Runtime] = {
    "native int8": Runtime(partial(_native, EXACT), _C),
    "native int8, AVX2": Runtime(partial(_native, EXACT, cpu="x86-64-v3"), _C),
    "native float32": Runtime(partial(_native, PLAIN), _C),
    "SpikingJelly": Runtime(_spikingjelly, ("spikingjelly.activation_based.functional",)),
    "Norse": Runtime(partial(_steps, "norse"), ("neurofer.backends.norse",)),
    "snnTorch": Runtime(partial(_steps, "snntorch"), ("neurofer.backends.snntorch",)),
    "SNN in ONNX Runtime": Runtime(partial(_onnx, SCAN, X), _ORT),
    "ANN in ONNX Runtime": Runtime(partial(_onnx, ANN_FLOAT, ANN_X), _ORT),
    "ANN in ONNX Runtime, int8": Runtime(partial(_onnx, ANN_INT8, ANN_X), _ORT),
    "ANN in torch": Runtime(_torch_ann, ("torch",)),
}
"""The runtimes by name; those of an ANN begin so."""
