import numpy as np

from neurofer.cli.bench.roof import Probe, computed
from tests.networks import residual


def test_the_probe_adds_up_rows():
    probe = Probe([40])
    probe._run(40, 2)
    low, high = probe._out.view(np.uint16)[:64].reshape(2, 32), probe._out.view(np.int16)[64:].reshape(2, 32)
    rows = probe._rows[40][probe._order[40]]
    left, right = rows[:, ::2].astype(np.int64).sum(0), rows[:, 1::2].view(np.int8).astype(np.int64).sum(0)
    assert np.array_equal(high.sum(0, dtype=np.int16), (2 * right).astype(np.int16))
    assert np.array_equal(low.sum(0, dtype=np.uint16), (2 * (left + 256 * right)).astype(np.uint16))


def test_rows_lie_in_one_cache_line_each():
    assert all(rows.ctypes.data % 64 == 0 for rows in Probe([8, 40, 576])._rows.values())


def test_the_rate_is_that_of_a_computer():
    assert 1e8 < Probe([64]).rate(64) < 1e13


def test_a_stage_computes_the_layers_before_it_that_have_no_stage():
    program = residual()
    stages = ["spike1", "spike2", "flatten", "fc", "spike3"]
    assert computed(program, stages) == [["conv1"], ["conv2"], [], ["fc"], []]
