"""The bound on float32 rounding holds, and is not so wide that it would hide a difference."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from neurofer.backends import reference
from neurofer.backends.torch_network import load
from neurofer.ir import BINARY, Capabilities, Contract, Readout
from neurofer.ir import nodes as n
from neurofer.verify.rounding import membranes, readout_bound
from tests.networks import in_a_row

KINDS = {
    "IF": {},
    "LIF": {"alpha_mem": 0.7, "gain": 0.3},
    "soft": {"alpha_mem": 0.9, "reset": "soft"},
    "CubaLIF": {"alpha_mem": 0.8, "alpha_syn": 0.6, "gain": 0.5, "w_in": 0.4, "offset": 0.01},
    "v_reset": {"v_reset": -0.3, "v_init": 0.2},
}


def float32_membranes(node, drive):
    """The same neuron in float32, step by step, with the reference's spikes."""
    state = None
    for x in drive:
        c = {k: np.float32(getattr(node, k)) for k in node.COEFFICIENTS if getattr(node, k) is not None}
        v, i = (c["v_init"], c["i_init"]) if state is None else state
        i = c["alpha_syn"] * i + c["w_in"] * x if "alpha_syn" in c else x
        u = c["alpha_mem"] * v + c["gain"] * i + c["offset"]
        yield u
        s = u >= c["theta"]
        state = (np.where(s, c["v_reset"], u) if node.reset == "hard" else u - c["delta"] * s, i)


@settings(max_examples=40)
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 10**6))
def test_float32_stays_within_the_bound(kind, seed):
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(16, 50)).astype(np.float32)
    node = n.Neuron(theta=1.5, **KINDS[kind])
    nodes = {"input": n.Input((50,), BINARY), "fc": n.Linear(weight), "spike": node, "output": n.Output()}
    program = in_a_row(nodes, Contract(steps=10))
    x = (rng.random((10, 2, 50)) < 0.4).astype(np.float32)
    golden = reference.run(program, x)
    order = rng.permutation(50)
    drive = [(frame[:, order].astype(np.float32) @ weight[:, order].T).astype(np.float32) for frame in x]
    trains = golden.unpack("spike")
    pairs = zip(membranes(program, golden, "spike"), float32_membranes(node, drive), strict=True)
    for t, ((u, s, bound), single) in enumerate(pairs):
        assert np.array_equal(s, trains[t])
        same_so_far = (np.abs(u - single) <= bound) | (np.abs(u - 1.5) < 1e-3)
        assert same_so_far.all()
        if not np.array_equal(single >= np.float32(1.5), s > 0):
            return  # a tie flipped: from here on the membranes are different ones
        assert (bound < 5e-3).all()


def test_the_readout_bound_covers_float32_and_not_a_changed_weight():
    rng = np.random.default_rng(0)
    nodes = {
        "input": n.Input((30,), BINARY),
        "fc": n.Linear(rng.normal(size=(20, 30)).astype(np.float32), rng.normal(size=20).astype(np.float32)),
        "integrator": n.Neuron(theta=None),
        "head": n.Linear(rng.normal(size=(4, 20)).astype(np.float32)),
        "output": n.Output(),
    }
    program = in_a_row(nodes, Contract(steps=6, readout=Readout("last")))
    x = (rng.random((6, 3, 30)) < 0.5).astype(np.uint8)
    golden = reference.run(program, x)
    everything = Capabilities(nodes=frozenset({n.Linear}), neurons=frozenset({"I"}))
    single = load(program, everything, reference.step_function, "torch", "").run(x)
    gap = np.abs(golden.read(program.contract.readout) - single.read(program.contract.readout))
    bound = readout_bound(program, golden)
    assert (gap <= bound).all()
    assert gap.max() > 0
    assert (bound < 1e-2).all()
