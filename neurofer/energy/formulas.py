"""Formulas: from counted operations to energy. A new formula is one function and its entry in ``FORMULAS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from neurofer.energy import table3
from neurofer.energy.count import Operations, count, dense_macs, existing_taps, synaptic
from neurofer.energy.profiles import Profile
from neurofer.energy.report import EnergyReport, Layer
from neurofer.errors import UsageError
from neurofer.ir import Program, Trace

_MJ_PER_PJ = 1e-9


@dataclass(frozen=True)
class Case:
    """What a formula is given.

    Attributes:
        snn: the spiking network.
        ann: its ANN; None if there is none.
        operations: node -> what it did; None without a trace.
        steps: T.
        samples: number of samples the operations were counted over.
        profile: the energy constants.
    """

    snn: Program
    ann: Program | None
    operations: Mapping[str, Operations] | None
    steps: int
    samples: int
    profile: Profile


@dataclass(frozen=True)
class Estimate:
    """What a formula says.

    Attributes:
        macs_ann: layer -> operations of one inference of the ANN.
        total_ann: operations of all layers of the ANN, also of those the spiking network lacks; None without an ANN.
        energy_pj: layer -> energy of one inference of the spiking network; layers that are left out are missing.
        notes: what was counted and what was left out.
        input_shape: of one frame, if the formula has one of its own.
    """

    macs_ann: Mapping[str, int]
    total_ann: int | None
    energy_pj: Mapping[str, float]
    notes: tuple[str, ...]
    input_shape: tuple[int, ...] | None = None


Formula = Callable[[Case], Estimate]


def estimate(
    snn: Program,
    ann: Program | None,
    trace: Trace | None,
    *,
    profile: Profile,
    formula: str = "exact",
    weights: str = "random",
) -> EnergyReport:
    """Estimate the energy of one inference of a spiking network and of its ANN.

    Args:
        snn: the spiking network as captured, without Dropout and BatchNorm (``drop_dropout``, ``fold_batchnorm``); its
            average pooling left as it is, so that the layer behind it has real inputs.
        ann: the ANN it is compared with; layers are paired by name.
        trace: a run of ``snn``; without one the spiking side stays empty.
        profile: the energy constants (`read_profile`).
        formula: one of ``FORMULAS``.
        weights: where the weights come from, for the record.

    Raises:
        UsageError: unknown formula, a trace of another program, or a network the formula is not made for.
    """
    if formula not in FORMULAS:
        raise UsageError(f"unknown formula {formula!r}", next_step=f"use one of {', '.join(FORMULAS)}")
    operations = None if trace is None else count(snn, trace)
    steps, samples = (snn.contract.steps, 0) if trace is None else (trace.steps, trace.samples)
    said = FORMULAS[formula](Case(snn, ann, operations, steps, samples, profile))
    e_ann = None if said.total_ann is None else said.total_ann * profile.mac.value * _MJ_PER_PJ
    e_snn = None if trace is None else sum(said.energy_pj.values()) * _MJ_PER_PJ
    return EnergyReport(
        formula=formula,
        profile=profile.name,
        steps=steps,
        samples=samples,
        input_shape=said.input_shape or snn.shapes[snn.inputs[0]],
        weights=weights,
        e_ann_mj=e_ann,
        e_snn_mj=e_snn,
        ratio=e_ann / e_snn if e_ann is not None and e_snn else None,
        layers=_layers(snn, operations, said),
        notes=said.notes,
    )


def _layers(snn: Program, operations: Mapping[str, Operations] | None, said: Estimate) -> tuple[Layer, ...]:
    found = []
    for name, node in synaptic(snn):
        layer = Layer(name, type(node).__name__, snn.input_domain(name).kind, said.macs_ann.get(name))
        if operations is not None:
            done = operations[name]
            layer = replace(
                layer,
                rate_in=done.rate_in,
                rate_out=done.rate_out,
                acs_nnz=done.acs_nnz,
                acs=done.acs,
                macs=done.macs,
                energy_pj=said.energy_pj.get(name),
            )
        found.append(layer)
    return tuple(found)


def exact(case: Case) -> Estimate:
    """Every operation that was done: spikes reaching weights as AC, values reaching weights as MAC."""
    ann = {} if case.ann is None else {k: existing_taps(v, case.ann.input_shape(k)) for k, v in synaptic(case.ann)}
    done = case.operations or {}
    ac, mac = case.profile.ac.value, case.profile.mac.value
    energy = {name: (ops.acs * ac + ops.macs * mac) / case.samples for name, ops in done.items()}
    notes = (
        "SNN: one AC per spike and weight it reaches, one MAC per real value and weight it reaches, no taps on padding",
        "layers fed by a constant input alone are counted once, all others at every step",
        "a sum of k spikes that arrives as one value costs k AC (acs; acs_nnz counts it once)",
        "ANN: one MAC per weight and position, taps on padding not counted, one inference",
        "no energy for biases, neurons, pooling, residual sums, memory and communication on either side",
        *_unpaired(case, ann),
    )
    return Estimate(ann, sum(ann.values()) if case.ann else None, energy, notes)


def eq4_8(case: Case) -> Estimate:
    """Equations 4 to 8 of Spiking-FER as printed: dense operations of the ANN's layer times the SNN layer's rate."""
    ann = {} if case.ann is None else {k: dense_macs(v, case.ann.input_shape(k)) for k, v in synaptic(case.ann)}
    dense = {name: dense_macs(node, case.snn.input_shape(name)) for name, node in synaptic(case.snn)} | ann
    rates = {name: ops.rate_out for name, ops in (case.operations or {}).items()}
    ac = case.profile.ac.value
    energy = {name: dense[name] * rate * ac for name, rate in rates.items() if rate is not None}
    silent = [name for name, rate in rates.items() if rate is None]
    notes = [
        "equations 4 to 8 of Spiking-FER as printed: FLOPs_ANN(l) x Rs(l), padding counts",
        "the rate is that of the layer's own output, not of its input, and every input is taken for binary spikes",
        *_unpaired(case, ann),
    ]
    if silent:
        notes.append(f"left out, as no spiking neuron follows and equation 4 gives no rate: {', '.join(silent)}")
    return Estimate(ann, sum(ann.values()) if case.ann else None, energy, tuple(notes))


def paper_table3(case: Case) -> Estimate:
    """The numbers of Spiking-FER's Table 3 as the authors' code computes them (see `table3`)."""
    flops = table3.flops(case.snn)
    rates = {name: ops.rate_out or 0.0 for name, ops in (case.operations or {}).items()}
    ac = case.profile.ac.value
    energy = {name: flops[name] * rate / case.steps * ac for name, rate in rates.items() if name in flops}
    total = sum(flops.values()) + table3.CLASSIFIER_FLOPS
    return Estimate(flops, total, energy, table3.NOTES, table3.INPUT_SHAPE)


def _unpaired(case: Case, ann: Mapping[str, int]) -> list[str]:
    """Say which layers have no counterpart of the same name on the other side."""
    if case.ann is None:
        return []
    names = [name for name, _ in synaptic(case.snn)]
    notes = []
    if only_ann := {name: macs for name, macs in ann.items() if name not in names}:
        notes.append(f"only in the ANN: {', '.join(f'{name} ({macs} MAC)' for name, macs in only_ann.items())}")
    if only_snn := [name for name in names if name not in ann]:
        notes.append(f"only in the SNN: {', '.join(only_snn)}")
    return notes


FORMULAS: Mapping[str, Formula] = {"exact": exact, "eq4-8": eq4_8, "paper-table3": paper_table3}
