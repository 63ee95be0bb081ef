"""Spiking-FER: SEW-ResNet-18 and an output accumulator (Barchid et al. 2023, section 3.2)."""

from __future__ import annotations

from functools import partial

from spikingjelly.activation_based import functional, layer
from torch import Tensor, nn

from neurofer.nets.neurons import integrate_and_fire
from neurofer.nets.residual import initialise, stages


class SEWBlock(nn.Module):
    """Two conv-BN-IF and a sum of spikes: out = IF(conv2(IF(conv1(x)))) + shortcut(x) (SEW-ResNet with g = ADD).

    The second BatchNorm starts at zero, so that a new block passes its input on unchanged.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, *, reset: str) -> None:
        super().__init__()
        self.conv1 = layer.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = layer.BatchNorm2d(outputs)
        self.act1 = integrate_and_fire(reset)
        self.conv2 = layer.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = layer.BatchNorm2d(outputs)
        self.act2 = integrate_and_fire(reset)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                layer.Conv2d(inputs, outputs, 1, stride=stride, bias=False),
                layer.BatchNorm2d(outputs),
                integrate_and_fire(reset),
            )
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out: Tensor = self.act1(self.bn1(self.conv1(x)))
        out = self.act2(self.bn2(self.conv2(out)))
        return out + identity


class SpikingFER(nn.Module):
    """Spiking-FER: event frames [T, N, in_channels, H, W] -> logits [N, classes], for any H and W.

    The input of step t reaches every layer in step t, as in the authors' code (equation 1 has t - 1). The accumulator
    is equation 3: a linear layer on the spiking features, summed over the steps, then a linear classifier.

    Args:
        classes: number of expressions.
        in_channels: polarities of the events.
        width: channels of the first stage, 64 in the paper; the features have 8 times as many.
        reset: `hard`, as in the paper's text and the authors' code, or `soft`, as in its equation 1.
        steps: T, the number of frames the network is meant for; any number can be shown.
        dropout: probability after the accumulator's linear layer.

    Raises:
        UsageError: reset is neither hard nor soft.
    """

    def __init__(
        self,
        classes: int = 6,
        in_channels: int = 2,
        width: int = 64,
        reset: str = "hard",
        steps: int = 6,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.steps = steps
        features = 8 * width
        self.conv1 = layer.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = layer.BatchNorm2d(width)
        self.act1 = integrate_and_fire(reset)
        self.maxpool = layer.MaxPool2d(3, stride=2, padding=1)
        self.layer1, self.layer2, self.layer3, self.layer4 = stages(width, partial(SEWBlock, reset=reset))
        self.avgpool = layer.AdaptiveAvgPool2d((1, 1))
        self.flatten = layer.Flatten()
        self.accumulator = layer.Linear(features, features)
        self.dropout = layer.Dropout(dropout)
        self.fc = nn.Linear(features, classes, bias=False)
        initialise(self)
        functional.set_step_mode(self, "m")

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.maxpool(self.act1(self.bn1(self.conv1(x))))
        out = self.layer4(self.layer3(self.layer2(self.layer1(out))))
        out = self.accumulator(self.flatten(self.avgpool(out)))
        out = self.fc(self.dropout(out).sum(0))
        return out
