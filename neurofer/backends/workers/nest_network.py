"""Populations of iaf_psc_delta in NEST, one sample after the other."""

from __future__ import annotations

from typing import Any

import nest
import numpy as np

FIRST = 1.0
"""The time (ms) at which something of depth 0 would do its first step; steps are 1 ms."""


def run(plan: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Return spikes, or membranes of integrators, ``[T, N, size]`` as ``K.out`` for population K."""
    steps, samples = plan["steps"], plan["samples"]
    result = {
        f"{p['index']}.out": np.zeros((steps, samples, p["size"]), np.uint8 if p["spiking"] else np.float64)
        for p in plan["populations"]
    }
    nest.set_verbosity("M_ERROR")
    for sample in range(samples):
        nest.ResetKernel()
        nest.resolution = 1.0
        recorders = _build(plan, arrays, sample)
        nest.Simulate(FIRST + steps + max(p["depth"] for p in plan["populations"]) + 1.0)
        for p in plan["populations"]:
            _read(p, *recorders[p["index"]], result[f"{p['index']}.out"][:, sample])
    return result


def _build(plan: dict[str, Any], arrays: dict[str, Any], sample: int) -> dict[int, tuple[Any, Any]]:
    """Make neurons, inputs and connections; return neurons and recorder of each population."""
    sources: dict[int, Any] = {}
    recorders = {}
    for p in plan["populations"]:
        k = p["index"]
        sources[k] = neurons = _neurons(k, p["size"], arrays)
        if f"{k}.drive" in arrays:
            _drive(neurons, arrays[f"{k}.drive"][:, sample], FIRST + p["depth"] - 1)
        if p["spiking"]:
            recorders[k] = neurons, nest.Create("spike_recorder")
            nest.Connect(neurons, recorders[k][1])
        else:
            recorders[k] = neurons, nest.Create("multimeter", params={"record_from": ["V_m"], "interval": 1.0})
            nest.Connect(recorders[k][1], neurons)
    for p in plan["inputs"]:
        sources[p["index"]] = _inputs(arrays[f"{p['index']}.spikes"][:, sample], FIRST + p["depth"])
    for k, p in enumerate(plan["projections"]):
        pre = np.array(sources[p["source"]].tolist())[arrays[f"p{k}.cols"]]
        post = np.array(sources[p["target"]].tolist())[arrays[f"p{k}.rows"]]
        _connect(pre, post, arrays[f"p{k}.values"], p["delay"])
    return recorders


def _neurons(k: int, size: int, arrays: dict[str, Any]) -> Any:
    settings = {"E_L": 0.0, "V_m": 0.0, "t_ref": 0.0, "I_e": 0.0, "C_m": 1.0}
    # together: NEST checks the reset potential against the threshold it has at that moment
    each = {name: arrays[f"{k}.{name}"] for name in ("tau_m", "V_th", "V_reset")}
    if all((values == values[0]).all() for values in each.values()):
        return nest.Create("iaf_psc_delta", size, {**settings, **{name: float(v[0]) for name, v in each.items()}})
    neurons = nest.Create("iaf_psc_delta", size, settings)
    neurons.set([{name: float(values[i]) for name, values in each.items()} for i in range(size)])
    return neurons


def _inputs(spikes: Any, first: float) -> Any:
    generators = nest.Create("spike_generator", spikes.shape[1])
    generators.set([{"spike_times": first + np.flatnonzero(train)} for train in spikes.T])
    return generators


def _drive(neurons: Any, drive: Any, first: float) -> None:
    """Add ``drive[t]`` to the membranes at each step: a spike of that weight, sent one step before."""
    driven = np.flatnonzero(drive.any(axis=0))
    generators = nest.Create("spike_generator", len(driven))
    trains = []
    for i in driven:
        sent = np.flatnonzero(drive[:, i])
        trains.append({"spike_times": first + sent, "spike_weights": drive[sent, i]})
    generators.set(trains)
    _connect(np.array(generators.tolist()), np.array(neurons.tolist())[driven], np.ones(len(driven)), 1)


def _connect(pre: Any, post: Any, weights: Any, delay: int) -> None:
    if len(pre):
        settings = {"weight": np.asarray(weights, np.float64), "delay": np.full(len(pre), float(delay))}
        nest.Connect(pre, post, "one_to_one", {"synapse_model": "static_synapse", **settings})


def _read(p: dict[str, Any], neurons: Any, recorder: Any, out: Any) -> None:
    """Write what was recorded at the population's own times; before and after them it ran for nothing."""
    events = recorder.events
    t = np.rint(np.asarray(events["times"]) - FIRST - p["depth"]).astype(np.int64)
    within = (t >= 0) & (t < len(out))
    i = np.asarray(events["senders"]).astype(np.int64)[within] - neurons[0].global_id
    out[t[within], i] = 1 if p["spiking"] else np.asarray(events["V_m"])[within]
