"""SEW-ResNet-18 and ResNet-18 as programs with their names and shapes, and weights that take no memory."""

import numpy as np

from neurofer.ir import BINARY, Contract, Program
from neurofer.ir import nodes as n
from tests.strategies import Sketch


def _weights(*shape):
    return np.broadcast_to(np.float32(0.01), shape)


def _conv(channels, out, kernel, stride=1):
    return n.Conv2d(_weights(out, channels, kernel, kernel), None, stride, kernel // 2)


def _block(sketch, name, channels, out, stride, act, *, sew):
    before = sketch.last
    sketch.add(_conv(channels, out, 3, stride), f"{name}.conv1")
    sketch.add(act(), f"{name}.act1")
    sketch.add(_conv(out, out, 3), f"{name}.conv2")
    if sew:
        sketch.add(act(), f"{name}.act2")
    ends = sketch.last
    if stride != 1:
        sketch.last = before
        sketch.add(_conv(channels, out, 1, stride), f"{name}.downsample.0")
        if sew:
            sketch.add(act(), f"{name}.downsample.2")
        before = sketch.last
    sketch.last = (*ends, *before)
    if not sew:
        sketch.add(act(), f"{name}.act2")


def _encoder(size, channels, width, act, domain, *, sew):
    sketch = Sketch()
    sketch.add(n.Input((channels, size, size), domain), "input")
    sketch.add(_conv(channels, width, 7, 2), "conv1")
    sketch.add(act(), "act1")
    sketch.add(n.MaxPool2d((3, 3), (2, 2), (1, 1)), "maxpool")
    inputs = width
    for stage in range(4):
        out = width * 2**stage
        _block(sketch, f"layer{stage + 1}.0", inputs, out, 1 + (stage > 0), act, sew=sew)
        _block(sketch, f"layer{stage + 1}.1", out, out, 1, act, sew=sew)
        inputs = out
    sketch.add(n.AvgPool2d(sketch.shape[1:]), "avgpool")
    sketch.add(n.Flatten(), "flatten")
    return sketch


def sew_resnet18(size=128, channels=2, width=64, steps=6) -> Program:
    """Spiking-FER: SEW-ResNet-18 (ADD) and its accumulator."""
    sketch = _encoder(size, channels, width, n.Neuron, BINARY, sew=True)
    sketch.add(n.Linear(_weights(8 * width, 8 * width), _weights(8 * width)), "accumulator")
    sketch.add(n.Neuron(theta=None), "sum")
    sketch.add(n.Linear(_weights(6, 8 * width)), "fc")
    sketch.add(n.Output(), "output")
    return sketch.program(Contract(steps=steps))


def resnet18(size=128, channels=12, width=64) -> Program:
    """The ANN it is compared with."""
    sketch = _encoder(size, channels, width, n.Relu, BINARY, sew=False)
    sketch.add(n.Linear(_weights(6, 8 * width)), "fc")
    sketch.add(n.Output(), "output")
    return sketch.program()
