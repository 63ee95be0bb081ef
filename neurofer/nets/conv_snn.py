"""Conv-SNN: two convolutional IF layers and a head of three LIF layers (Conv-SNN with STDP fine-tuning, Table 1)."""

from __future__ import annotations

from collections.abc import Sequence

from spikingjelly.activation_based import functional, layer
from torch import Tensor, nn

from neurofer.errors import UsageError
from neurofer.nets.neurons import integrate_and_fire, leaky_integrate_and_fire
from neurofer.nets.time import Repeat


class ConvSNN(nn.Module):
    """Conv-SNN of Table 1: image [N, in_channels, size, size] -> firing rates of the last layer [N, classes].

    The image is the same at every step, so the first convolution and its BatchNorm stand before the time loop. With
    the Poisson encoder the input is spikes [T, N, in_channels, size, size] and they stand inside it. Weights
    start from a Gaussian distribution (section 2.4).

    Args:
        classes: number of expressions.
        in_channels: channels of the image.
        size: height and width of the image, a multiple of 4.
        channels: channels of both convolutions.
        hidden: widths of the two hidden fully connected layers.
        steps: T.
        reset: `hard` (equation 6 with a reset voltage of 0) or `soft`.
        encoder: `constant` or `poisson`.
        dropout: probability before the first and the second fully connected layer; the paper names none.

    Raises:
        UsageError: size is no multiple of 4, or reset or encoder is unknown.
    """

    def __init__(
        self,
        classes: int = 7,
        in_channels: int = 1,
        size: int = 48,
        channels: int = 128,
        hidden: Sequence[int] = (1152, 128),
        steps: int = 4,
        reset: str = "hard",
        encoder: str = "constant",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if encoder not in ("constant", "poisson"):
            raise UsageError(f"Conv-SNN has no encoder '{encoder}'", next_step="use constant or poisson")
        static = encoder == "constant"
        wide, narrow = hidden
        self.steps = steps
        self.conv1 = (nn if static else layer).Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn1 = (nn if static else layer).BatchNorm2d(channels)
        self.repeat = Repeat(steps) if static else None
        self.act1 = integrate_and_fire(reset)
        self.pool1 = layer.MaxPool2d(2)
        self.conv2 = layer.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = layer.BatchNorm2d(channels)
        self.act2 = integrate_and_fire(reset)
        self.pool2 = layer.MaxPool2d(2)
        self.flatten = layer.Flatten()
        self.dropout1 = layer.Dropout(dropout)
        self.fc1 = layer.Linear(flat_features(channels, size), wide, bias=False)
        self.act3 = leaky_integrate_and_fire(reset)
        self.dropout2 = layer.Dropout(dropout)
        self.fc2 = layer.Linear(wide, narrow, bias=False)
        self.act4 = leaky_integrate_and_fire(reset)
        self.fc3 = layer.Linear(narrow, classes, bias=False)
        self.act5 = leaky_integrate_and_fire(reset)
        functional.set_step_mode(self, "m")
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn1(self.conv1(x))
        out = out if self.repeat is None else self.repeat(out)
        out = self.pool1(self.act1(out))
        out = self.pool2(self.act2(self.bn2(self.conv2(out))))
        out = self.act3(self.fc1(self.dropout1(self.flatten(out))))
        out = self.act4(self.fc2(self.dropout2(out)))
        out = self.act5(self.fc3(out))
        return out.mean(0)


def flat_features(channels: int, size: int) -> int:
    """Features after two 2 x 2 poolings of a square map.

    Raises:
        UsageError: the map cannot be halved twice without a rest.
    """
    if size < 4 or size % 4:
        raise UsageError(f"an image of {size} x {size} cannot be pooled twice by 2", next_step="use a multiple of 4")
    return channels * (size // 4) ** 2
