"""The Report: everything an export, verification and energy estimate found, as one typed document."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from neurofer.energy import EnergyReport, estimate, read_profile
from neurofer.errors import BundleError
from neurofer.files import write_file
from neurofer.ir import Contract, Program, Trace
from neurofer.passes import Proof, drop_dropout, fold_batchnorm
from neurofer.verify.verdict import Verification

if TYPE_CHECKING:
    from neurofer.backends.c.plan_arithmetic import Arithmetic

SCHEMA = "neurofer.report/1"
FORMULAS = ("exact", "eq4-8")
_PACKAGES = ("neurofer", "nir", "numpy", "torch", "norse", "snntorch", "spikingjelly", "onnxruntime")


class NodeSpikes(msgspec.Struct, frozen=True):
    """Spikes of one node in the recorded run; ``rate`` is spikes per neuron over all T steps, mean over samples."""

    name: str
    spikes: int
    rate: float


class Computed(msgspec.Struct, frozen=True):
    """In which numbers generated code computes a node.

    Attributes:
        node: its name.
        number: ``int32``, ``int64`` or ``float32``.
        exponent: integers count units of ``2**-exponent``.
        bits: of a signed integer that holds every partial sum; None for float32.
        reason: why it is no integer.
    """

    node: str
    number: str
    exponent: int = 0
    bits: int | None = None
    reason: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an exported network. Schema ``neurofer.report/1``.

    Attributes:
        network: as it was named.
        weights: ``trained``, ``random`` or ``file``.
        target: what it was exported for.
        command: the command line.
        seed: of random weights and drawn samples.
        sample: where the recorded input comes from.
        contract: time, encoder and readout.
        parameters: learnable values, before passes.
        mult_adds: of Conv and Linear per sample; static nodes once, others T times.
        accuracy: name -> share of test samples that are classified rightly; empty without training.
        spikes: of the recorded run, in the order of evaluation.
        verification: one verdict per target and importer; None for an ANN.
        energy: one report per formula.
        caveats: what the artifact cannot say by itself.
        proof: of a network exported with ``--exact``, for every node whether float32 is exact; empty for others.
        arithmetic: of generated code, for every node that computes; empty for other targets.
        versions: package -> version.
    """

    network: str
    weights: str
    target: str
    command: str
    seed: int
    sample: str
    contract: Contract
    parameters: int
    mult_adds: int
    accuracy: dict[str, float] = {}
    spikes: list[NodeSpikes] = []
    verification: Verification | None = None
    energy: list[EnergyReport] = []
    caveats: list[str] = []
    proof: list[Proof] = []
    arithmetic: list[Computed] = []
    versions: dict[str, str] = {}
    schema: str = SCHEMA


def read_report(path: str | Path) -> Report:
    """Read a ``report.json``.

    Raises:
        BundleError: it is missing, damaged or of an unknown schema.
    """
    path = Path(path)
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError("the report cannot be read", where=str(path), why=str(error)) from error
    if report.schema != SCHEMA:
        raise BundleError(f"the report's schema is {report.schema!r}, not {SCHEMA!r}", where=str(path))
    return report


def write_report(path: Path, report: Report) -> None:
    """Write ``report.json``.

    Raises:
        WriteError: the folder is full.
    """
    write_file(path, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def count_spikes(program: Program, trace: Trace) -> list[NodeSpikes]:
    """Return the spikes of every spiking node, in the order of evaluation."""
    found = []
    for name in program.order:
        if name in trace.spikes:
            train = trace.spikes[name]
            found.append(NodeSpikes(name, train.count, train.rate))
    return found


def computed(arithmetic: Mapping[str, Arithmetic]) -> tuple[Computed, ...]:
    """Return the numbers of generated code as they are reported, in the order of evaluation."""
    kinds = {"i32": "int32", "i64": "int64", "f32": "float32"}
    return tuple(
        Computed(name, kinds[made.number], made.exponent, made.bits, made.reason) for name, made in arithmetic.items()
    )


def weigh(
    snn: Program,
    ann: Program | None,
    trace: Trace,
    *,
    weights: str,
    profile: str = "cmos45",
    formulas: tuple[str, ...] = FORMULAS,
) -> list[EnergyReport]:
    """Return the energy of ``snn`` by each formula.

    Args:
        snn: as captured; Dropout and BatchNorm are taken out here, pooling stays as it was trained.
        ann: its baseline, as captured.
        trace: a run of the lowered program, whose neurons have the same names.
        weights: where the weights come from.
        profile: energy profile.
        formulas: names of formulas.
    """
    plain = fold_batchnorm(drop_dropout(snn))
    prices = read_profile(profile)
    return [estimate(plain, ann, trace, profile=prices, formula=name, weights=weights) for name in formulas]


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
