"""Synthetic faces can be learned, and not by counting events: a small CNN on new faces is well above a linear model."""

import itertools

import numpy as np
import pytest

pytest.importorskip("numba", reason="the DVS model is compiled by numba; pip install 'neurofer[events]'")

from neurofer.data import synthetic

CLIPS, SIZE = 720, 48


@pytest.fixture(scope="module")
def faces():
    return synthetic.dataset(CLIPS, size=SIZE, frames=20, fps=20, subjects=CLIPS // 6)


def linear_accuracy(features, labels, test):
    """Of the best of several regularisations, chosen in the linear model's favour on the test set itself."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scores = []
    for strength in (1e-4, 1e-3, 1e-2):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300))
        scores.append(model.fit(features[~test], labels[~test]).score(features[test], labels[test]))
    return max(scores)


def cnn_accuracy(frames, labels, test, epochs=25):
    """Of a CNN of four layers on all frames side by side, trained with flips and shifts; the last epoch counts."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    x, y = torch.tensor(frames, dtype=torch.float32), torch.tensor(labels)
    widths = (x.shape[1], 24, 48, 64, 96)
    layers = [
        nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
        for a, b in itertools.pairwise(widths)
    ]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.4), nn.Linear(96 * (SIZE // 16) ** 2, 6))
    train, batch = torch.tensor(np.flatnonzero(~test)), 32
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-2)
    steps = epochs * (len(train) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for _ in range(epochs):
        order = train[torch.randperm(len(train))]
        for part in order[: len(order) // batch * batch].split(batch):
            seen = x[part].flip(-1) if torch.rand(()) < 0.5 else x[part]
            seen = seen.roll(torch.randint(-3, 4, (2,)).tolist(), (2, 3))
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(seen), y[part]).backward()
            optimiser.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        return float((net(x[test]).argmax(1) == y[test]).float().mean())


@pytest.mark.slow
def test_a_small_cnn_learns_new_faces_and_a_linear_model_on_summed_events_does_not(faces):
    test = faces.subjects % 5 == 0
    assert not set(faces.subjects[test]) & set(faces.subjects[~test])
    summed = faces.x.sum(1).reshape(CLIPS, 2, SIZE // 2, 2, SIZE // 2, 2)
    linear = max(
        linear_accuracy(features.reshape(CLIPS, -1).astype(np.float32), faces.y, test)
        for features in (summed, summed.sum((3, 5)))
    )
    cnn = cnn_accuracy(faces.x.reshape(CLIPS, -1, SIZE, SIZE), faces.y, test)
    assert 0.3 < linear < 0.75
    assert cnn > 0.8
    assert cnn > linear + 0.15


def test_the_number_of_events_alone_tells_little(faces_few):
    counts = faces_few.x.reshape(len(faces_few.x), -1).sum(1).astype(float)
    within = np.mean([counts[faces_few.y == label].std() for label in range(6)])
    between = np.std([counts[faces_few.y == label].mean() for label in range(6)])
    assert between < within


@pytest.fixture(scope="module")
def faces_few():
    return synthetic.dataset(60, size=32, frames=8, fps=8, subjects=10)
