"""Generated C code as a network: compiled once, run through ctypes, with or without a record of every spike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.backends.c import build
from neurofer.backends.c import compiler as compilers
from neurofer.backends.c.build import Build
from neurofer.backends.c.compiler import Compiler
from neurofer.backends.c.description import Port
from neurofer.backends.c.emit import sources
from neurofer.backends.c.engine import SHIM, Engine, Prepared, Weights, at
from neurofer.backends.c.plan_arithmetic import Arithmetic
from neurofer.backends.network import Network, Recorder, check_inputs
from neurofer.errors import ReadError, UsageError
from neurofer.ir import Program, Trace
from neurofer.ir.nodes import Array

CODE, HEADER, WEIGHTS = "model.c", "model.h", "model_weights.c"
"""Names of the generated files."""


@dataclass(frozen=True)
class How:
    """How code is built and run.

    Attributes:
        cpu: see `compiler.flags`.
        threads: how many run at once: a sample each, or one sample on all, by OpenMP where the compiler has it.
        defines: macros of the build, such as ``NEUROFER_PLAIN``.
        sources: name -> text of further ``.c`` files.
    """

    cpu: str = "native"
    threads: int = 1
    defines: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CNetwork(Network):
    """Generated code, compiled where it is first needed.

    Attributes:
        files: name -> text of the sources.
        packed: what `model_init` reads; else the sources hold it.
        compiler: what compiles them.
        how: the build.
        arithmetic: in which numbers each node is computed, where the code was made here.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    packed: bytes | None = None
    compiler: Compiler = field(default_factory=compilers.find)
    how: How = field(default_factory=How)
    arithmetic: Mapping[str, Arithmetic] = field(default_factory=dict)

    @cached_property
    def engine(self) -> Engine:
        """The build that runs fastest: it keeps no spikes."""
        return self._engine("MODEL_DESCRIBE")

    @cached_property
    def recorder(self) -> Engine:
        """The build that keeps the spikes of every node."""
        return self._engine("MODEL_RECORD")

    @cached_property
    def _weights(self) -> Weights:
        """The weights, one time for all builds; as C they take the compiler longer than the code."""
        if self.packed is not None:
            return Weights(self.packed)
        files = {name: self.files[name] for name in (HEADER, WEIGHTS)}
        return Weights(
            build.load(Build(files, self.compiler, compilers.flags(self.compiler, cpu="any", optimise="-O0")))
        )

    def _engine(self, define: str) -> Engine:
        flags = compilers.flags(self.compiler, cpu=self.how.cpu)
        if self.how.threads > 1 and build.openmp(self.compiler, flags):
            flags += ("-fopenmp",)
        flags += tuple(f"-D{name}" for name in (*self.how.defines, define))
        code = {name: text for name, text in self.files.items() if name != WEIGHTS}
        made = build.load(Build({**code, "shim.c": SHIM, **self.how.sources}, self.compiler, flags))
        return Engine(made, self._weights)

    def run(self, inputs: Array | Mapping[str, Array]) -> Trace:
        frames = self._frames(inputs)
        engine = self.recorder
        steps, samples = next(iter(frames.values())).shape[:2]
        recorder = Recorder(self.program, steps, samples)
        fed = [port.feed(frames[port.name]) for port in engine.description.inputs]
        state = engine.state()
        for sample in range(samples):
            given = [x[sample] for x in fed]
            for t, values in enumerate(_recorded(engine, state, given, steps)):
                recorder.record(t, values, sample)
        return recorder.trace(frames)

    def values(self, inputs: Array | Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        """Yield what enters and leaves at each step, ``[N, *shape]``: the code keeps the values of no other node."""
        frames = self._frames(inputs)
        found = self.infer(frames)
        for t in range(len(next(iter(frames.values())))):
            yield {name: x[t] for name, x in {**frames, **found}.items()}

    def infer(self, inputs: Array | Mapping[str, Array]) -> dict[str, NDArray[np.float64]]:
        """Run without a record, samples over threads; return each output over time, ``[T, N, *shape]``.

        Args:
            inputs: see `Network.run`.

        Raises:
            UsageError: see `Network.run`; more steps than the code was generated for, or other values.
        """
        prepared = self.prepare(inputs)
        prepared.run()
        return prepared.outputs()

    def prepare(self, inputs: Array | Mapping[str, Array]) -> Prepared:
        """Return a run of which all is done but the run itself; see `infer`."""
        return Prepared(self.engine, self._frames(inputs), self.how.threads)

    def _frames(self, inputs: Array | Mapping[str, Array]) -> dict[str, Array]:
        frames = check_inputs(self.program, inputs)
        given, most = len(next(iter(frames.values()))), self.program.contract.steps
        if given > most:
            raise UsageError(
                "more steps than the C code was generated for",
                why=f"{given} instead of {most}: its integers are proved for as many alone",
                next_step=f"generate it for {given} steps (--steps {given}, or steps={given})",
            )
        for name, x in frames.items():
            domain = self.program.domains[name]
            if not domain.holds(x):
                raise UsageError(
                    f"the input is not {domain}, as the C code was generated for",
                    where=name,
                    why=f"its values go from {x.min():g} to {x.max():g}",
                    next_step="give spikes as 0 and 1, an image as the integers that the network was exported for",
                )
        return frames


def _recorded(engine: Engine, state: Array, inputs: list[Array], steps: int) -> Iterator[dict[str, Array]]:
    """Run one sample; yield what every spiking node and output gave at each step, ``[1, *shape]``."""
    ports = engine.description.outputs
    engine.init(state)
    if engine.description.sequence == "layers":
        # layer by layer the state holds the spikes of whole sequences alone; steps that nobody asked for come last
        most = engine.description.steps
        outputs = [port.buffer(1, most)[0] for port in ports]
        fed = zip(engine.description.inputs, inputs, strict=True)
        engine.sequence(state, [x if port.static else _lengthened(x, most) for port, x in fed], outputs)
        trains = engine.description.unpack(state)
        for t in range(steps):
            yield {name: train[t][None] for name, train in trains.items()} | _values(ports, at(outputs, t))
        return
    outputs = [port.buffer(1, 1)[0] for port in ports]
    for t in range(steps):
        engine.step(state, at(inputs, t), at(outputs, 0))
        yield dict(engine.description.unpack(state)) | _values(ports, at(outputs, 0))


def _lengthened(x: Array, steps: int) -> Array:
    return np.concatenate([x, np.zeros((steps - len(x), *x.shape[1:]), x.dtype)])


def _values(ports: Iterable[Port], raw: Iterable[Array]) -> dict[str, Array]:
    return {port.name: port.values(values)[None] for port, values in zip(ports, raw, strict=True)}


def load(program: Program, **how: Any) -> CNetwork:
    """Return ``program`` as generated C code, which is compiled when it first runs.

    Args:
        program: what to run.
        how: the fields of `How`.

    Raises:
        RefusedError: what has no form in C, all at once.
        MissingPackageError: there is no C compiler.
    """
    made = sources(program)
    files = {CODE: made.code, HEADER: made.header}
    return replace(_network(program, files, made.weights, How(**how)), arithmetic=made.arithmetic)


def read(folder: str | Path, program: Program, **how: Any) -> CNetwork:
    """Return the C files in a folder as they are, as what was made of ``program``.

    Args:
        folder: where model.c, model.h and model_weights.c lie; or the path of model.c.
        program: what they were made of.
        how: the fields of `How`.

    Raises:
        ReadError: a file is missing, or the code's inputs or outputs are not the program's.
        CompilerError: they do not compile; the compiler's words are quoted.
        MissingPackageError: there is no C compiler.
    """
    place = Path(folder)
    place = place if place.is_dir() else place.parent
    try:
        files = {name: (place / name).read_text() for name in (CODE, HEADER, WEIGHTS)}
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError("these are no generated C files", where=str(place), why=str(error)) from error
    network = _network(program, files, None, How(**how))
    described = network.recorder.description
    for kind, found, expected in (
        ("inputs", described.inputs, program.inputs),
        ("outputs", described.outputs, program.outputs),
    ):
        ports = [(port.name, port.shape) for port in found]
        if ports != [(name, program.shapes[name]) for name in expected]:
            why = f"{', '.join(name for name, _ in ports)} instead of {', '.join(expected)}, or other shapes"
            raise ReadError(f"the code has other {kind}", where=str(place), why=why, next_step="export it again")
    return network


def _network(program: Program, files: Mapping[str, str], weights: bytes | None, how: How) -> CNetwork:
    found = compilers.find()
    lift = partial(np.asarray, dtype=np.float32)
    return CNetwork(program, {}, lift, np.asarray, np.concatenate, str(found), files, weights, found, how)
