"""Populations as NeuronGroups in Brian2, in numpy, one sample after the other.

Every synapse adds to ``x``, which the next step's update takes and clears: so each connection takes one step, and it
does not matter whether resets or synapses come first.
"""

from __future__ import annotations

from typing import Any

import brian2
import numpy as np

COEFFICIENTS = ("alpha_mem", "gain", "offset", "theta", "v_reset", "delta", "v_init", "alpha_syn", "w_in", "i_init")


def run(plan: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Return spikes, or membranes of integrators, ``[T, N, size]`` as ``K.out`` for population K."""
    brian2.prefs.codegen.target = "numpy"
    brian2.defaultclock.dt = 1 * brian2.ms
    result = {
        f"{p['index']}.out": np.zeros((plan["steps"], plan["samples"], p["size"]), np.uint8 if p["compare"] else float)
        for p in plan["populations"]
    }
    groups = {p["index"]: _group(p, arrays) for p in plan["populations"]}
    inputs = {p["index"]: _input(p, arrays) for p in plan["inputs"]}
    synapses = [_synapses(k, p, {**groups, **inputs}, arrays) for k, p in enumerate(plan["projections"])]
    monitors = {p["index"]: _monitor(p, groups[p["index"]]) for p in plan["populations"]}
    sample = [0]
    drives = [
        _drive(groups[p["index"]], arrays[f"{p['index']}.drive"], p["depth"], sample)
        for p in plan["populations"]
        if f"{p['index']}.drive" in arrays
    ]
    network = brian2.Network(*groups.values(), *inputs.values(), *synapses, *monitors.values(), *drives)
    network.store()
    for n in range(plan["samples"]):
        network.restore()
        sample[0] = n
        for p in plan["inputs"]:
            steps, neurons = np.nonzero(arrays[f"{p['index']}.spikes"][:, n])
            inputs[p["index"]].set_spikes(neurons, (steps + p["depth"]) * brian2.ms)
        network.run((plan["steps"] + max(p["depth"] for p in plan["populations"])) * brian2.ms)
        for p in plan["populations"]:
            _read(p, monitors[p["index"]], result[f"{p['index']}.out"][:, n])
    return result


def _group(p: dict[str, Any], arrays: dict[str, Any]) -> Any:
    k = p["index"]
    given = [name for name in COEFFICIENTS if f"{k}.{name}" in arrays]
    names = [name for name in given if name not in ("v_init", "i_init")]
    equations = "\n".join(f"{name} : 1" for name in ("v", "current", "x", *names))
    # a population stands still until its first input can have come: 1 and 0 choose without rounding
    started = f"t_in_timesteps >= {p['depth']}"
    reset = "v = v_reset" if p["reset"] == "hard" else "v = v - delta"
    spikes = {"threshold": f"v {p['compare']} theta and {started}", "reset": reset} if p["compare"] else {}
    group = brian2.NeuronGroup(p["size"], equations, method="exact", name=f"population{k}", **spikes)
    for name in names:
        setattr(group, name, arrays[f"{k}.{name}"])
    group.v, group.current = arrays[f"{k}.v_init"], arrays[f"{k}.i_init"]
    enters = "alpha_syn * current + w_in * x" if "alpha_syn" in names else "x"
    update = f"""
    current = int({started}) * ({enters}) + (1 - int({started})) * current
    v = int({started}) * (alpha_mem * v + gain * current + offset) + (1 - int({started})) * v
    x = 0
    """
    group.run_regularly(update, dt=1 * brian2.ms, when="groups")
    return group


def _input(p: dict[str, Any], arrays: dict[str, Any]) -> Any:
    size = arrays[f"{p['index']}.spikes"].shape[2]
    return brian2.SpikeGeneratorGroup(size, [], [] * brian2.ms, name=f"population{p['index']}")


def _synapses(k: int, p: dict[str, Any], groups: dict[int, Any], arrays: dict[str, Any]) -> Any:
    source, target = groups[p["source"]], groups[p["target"]]
    late = (p["delay"] - 1) * brian2.ms
    made = brian2.Synapses(source, target, "w : 1", on_pre="x_post += w", delay=late, name=f"projection{k}")
    made.connect(i=arrays[f"p{k}.cols"], j=arrays[f"p{k}.rows"])
    made.w = arrays[f"p{k}.values"]
    return made


def _drive(group: Any, drive: Any, depth: int, sample: list[int]) -> Any:
    """Add ``drive[t, sample]`` to what enters a population at each of its steps."""

    @brian2.network_operation(when="start")  # type: ignore[untyped-decorator]
    def add() -> None:
        t = int(brian2.defaultclock.timestep[:]) - depth
        if 0 <= t < len(drive):
            group.x_[:] = group.x_[:] + drive[t, sample[0]]

    return add


def _monitor(p: dict[str, Any], group: Any) -> Any:
    if p["compare"]:
        return brian2.SpikeMonitor(group)
    return brian2.StateMonitor(group, "v", record=True, when="end")


def _read(p: dict[str, Any], monitor: Any, out: Any) -> None:
    """Write what was recorded at the population's own steps; before and after them it ran for nothing."""
    t = np.rint(np.asarray(monitor.t / brian2.ms)).astype(np.int64) - p["depth"]
    within = (t >= 0) & (t < len(out))
    if p["compare"]:
        out[t[within], np.asarray(monitor.i)[within]] = 1
    else:
        out[t[within]] = np.asarray(monitor.v).T[within]
