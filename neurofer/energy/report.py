"""The EnergyReport: the typed result of an estimate, and the JSON that others read."""

from __future__ import annotations

from dataclasses import dataclass

from neurofer.energy.count import InputClass


@dataclass(frozen=True)
class Layer:
    """One synaptic node of the spiking network.

    Attributes:
        name: node.
        kind: node type: Linear, Conv1d or Conv2d.
        input_class: what enters it: ``binary``, ``integer``, ``code`` or ``real``.
        macs_ann: operations of its counterpart in the ANN, one inference, as the formula counts them; None without one.
        rate_in: spikes per input neuron over all T steps, mean over samples; None for values or without a sample.
        rate_out: the same of the spiking nodes it feeds (Spiking-FER, equation 4); None if it feeds none.
        acs_nnz: accumulations over all samples, an integer input counted once; None without a sample.
        acs: accumulations over all samples, an integer input k counted k times; None without a sample.
        macs: multiply-accumulations over all samples; None without a sample.
        energy_pj: energy of one inference in pJ, as the formula computes it; None without a sample, or where the
            formula leaves the layer out.
    """

    name: str
    kind: str
    input_class: InputClass
    macs_ann: int | None
    rate_in: float | None = None
    rate_out: float | None = None
    acs_nnz: int | None = None
    acs: int | None = None
    macs: int | None = None
    energy_pj: float | None = None


@dataclass(frozen=True, kw_only=True)
class EnergyReport:
    """The energy of a spiking network and of its ANN; a frozen dataclass, so ``msgspec.json.encode`` writes it.

    Attributes:
        schema: name and version of this document.
        formula: name of the formula.
        profile: name of the energy profile.
        steps: T.
        samples: samples the operations were counted over, 0 without a trace. Energies are per inference.
        input_shape: shape of one frame the numbers hold for, without time and batch.
        weights: where the weights come from, ``random`` if they are no trained ones.
        e_ann_mj: energy of one inference of the ANN in mJ; None without an ANN.
        e_snn_mj: energy of one inference of the spiking network in mJ, mean over samples; None without a trace.
        ratio: e_ann_mj / e_snn_mj; None where one is missing or the spiking network used no energy.
        layers: the synaptic nodes in the order of evaluation.
        notes: what the formula counts and leaves out, in words.
    """

    schema: str = "neurofer.energy/1"
    formula: str
    profile: str
    steps: int
    samples: int
    input_shape: tuple[int, ...]
    weights: str
    e_ann_mj: float | None
    e_snn_mj: float | None
    ratio: float | None
    layers: tuple[Layer, ...]
    notes: tuple[str, ...]
