"""The shallow CNN with the layers of Conv-SNN and ReLU in place of its neurons.

The paper's own CNN (three convolutions, 50,805,191 parameters) is not described well enough to be rebuilt.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from neurofer.nets.conv_snn import flat_features


class ConvCNN(nn.Module):
    """ANN baseline of Conv-SNN: image [N, in_channels, size, size] -> logits [N, classes].

    Modules carry the names of their counterparts in `ConvSNN`; it has the same weights, no biases either, and no
    non-linearity after the last layer.

    Args:
        classes, in_channels, size, channels, hidden, dropout: as in `ConvSNN`.

    Raises:
        UsageError: size is no multiple of 4.
    """

    def __init__(
        self,
        classes: int = 7,
        in_channels: int = 1,
        size: int = 48,
        channels: int = 128,
        hidden: Sequence[int] = (1152, 128),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        wide, narrow = hidden
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.act2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.dropout1 = nn.Dropout(dropout)
        self.fc1 = nn.Linear(flat_features(channels, size), wide, bias=False)
        self.act3 = nn.ReLU()
        self.dropout2 = nn.Dropout(dropout)
        self.fc2 = nn.Linear(wide, narrow, bias=False)
        self.act4 = nn.ReLU()
        self.fc3 = nn.Linear(narrow, classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pool1(self.act1(self.bn1(self.conv1(x))))
        out = self.pool2(self.act2(self.bn2(self.conv2(out))))
        out = self.act3(self.fc1(self.dropout1(self.flatten(out))))
        out = self.fc3(self.act4(self.fc2(self.dropout2(out))))
        return out
