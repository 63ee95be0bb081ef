"""Programs in ONNX Runtime, for several test modules: loaded, judged, and broken in their file."""

import numpy as np
import onnx

from neurofer.backends import onnx as backend
from neurofer.backends import reference
from neurofer.verify.compare import compare

FORMS = ("scan", "step")


def network_of(program, form):
    return backend._network(program, backend.model(program, form).SerializeToString())


def judge(program, x, network=None, form="scan"):
    network = network or network_of(program, form)
    return compare(program, reference.run(program, x), network, network.run(x), target="onnx", importer="stock")


def changed(model, name, change):
    """The model with one stored constant changed."""
    (stored,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    value = onnx.numpy_helper.to_array(stored)
    stored.CopyFrom(onnx.numpy_helper.from_array(np.asarray(change(value), value.dtype), name))
    return model
