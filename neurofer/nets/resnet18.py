"""ResNet-18, the ANN that Spiking-FER is compared with (He et al. 2016; Barchid et al. 2023, section 4.4)."""

from __future__ import annotations

from torch import Tensor, nn

from neurofer.nets.residual import initialise, stages


class BasicBlock(nn.Module):
    """Two conv-BN and a shortcut: out = relu(conv2(relu(conv1(x))) + shortcut(x))."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.act1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.act2 = nn.ReLU()
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out: Tensor = self.bn2(self.conv2(self.act1(self.bn1(self.conv1(x)))))
        out = self.act2(out + identity)
        return out


class ResNet18(nn.Module):
    """ResNet-18 on all event frames at once: [N, in_channels, H, W] -> logits [N, classes], for any H and W.

    Modules carry the names of their counterparts in `SpikingFER`.

    Args:
        classes: number of expressions.
        in_channels: polarities times steps: T = 6 binary frames of two polarities are joined along the channels.
        width: channels of the first stage.
    """

    def __init__(self, classes: int = 6, in_channels: int = 12, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.act1 = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1, self.layer2, self.layer3, self.layer4 = stages(width, BasicBlock)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(8 * width, classes, bias=False)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.maxpool(self.act1(self.bn1(self.conv1(x))))
        out = self.layer4(self.layer3(self.layer2(self.layer1(out))))
        out = self.fc(self.flatten(self.avgpool(out)))
        return out
