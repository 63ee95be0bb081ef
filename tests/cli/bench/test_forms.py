import numpy as np
import onnxruntime
import pytest
import torch
from spikingjelly.activation_based import functional

from neurofer.backends import reference
from neurofer.cli.bench import forms, rivals
from neurofer.cli.bench.workload import Case, make


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_spikingjellys_own_module_reads_out_what_the_program_does(reset):
    made = make(Case("spiking-fer", size=32, width=4, reset=reset))
    module = forms.own_module(made.recipe, made.exact)
    functional.reset_net(module)
    with torch.no_grad():
        out = module(torch.from_numpy(made.x.astype(np.float32))).numpy()
    assert out == pytest.approx(reference.run(made.exact, made.x).read(made.exact.contract.readout), rel=1e-5)


def test_an_image_networks_module_does_so_too(tiny_images):
    module = forms.own_module(tiny_images.recipe, tiny_images.exact)
    with torch.no_grad():
        out = module(torch.from_numpy(tiny_images.x.astype(np.float32))).numpy()
    assert np.array_equal(out, reference.run(tiny_images.exact, tiny_images.x).read(tiny_images.exact.contract.readout))


def test_the_int8_ann_stays_near_its_float32_form(tiny_images, tmp_path):
    forms.save_ann(tiny_images, tmp_path)
    x = np.load(tmp_path / rivals.ANN_X)
    outs = []
    for file in (rivals.ANN_FLOAT, rivals.ANN_INT8):
        session = onnxruntime.InferenceSession(tmp_path / file, providers=["CPUExecutionProvider"])
        outs.append(session.run(None, {session.get_inputs()[0].name: x})[0])
    assert np.linalg.norm(outs[0] - outs[1]) < 0.1 * np.linalg.norm(outs[0])
    assert not np.array_equal(*outs)
    assert b"QuantizeLinear" in (tmp_path / rivals.ANN_INT8).read_bytes()
