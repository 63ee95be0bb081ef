"""Weights files of the 68-landmark format, written for tests, and the same network in torch to compare with."""

import json

import numpy as np

from neurofer.data.faces import network


def drawn_weights(architecture=network.ARCHITECTURES[1], seed=0):
    """Random arrays of an architecture, about as large as keeps the activations in their range."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(0, 0.4 if "depthwise" in name else 0.2, shape)
        for name, shape in network._expected(architecture).items()
    }


def write_weights(folder, weights, *, stored="uint8", shards=1):
    """Write a manifest and its shards; return the manifest's path and the numbers as they were stored."""
    entries, kept, blob = [], {}, b""
    for name, array in weights.items():
        entry = {"name": name, "shape": list(array.shape), "dtype": "float32"}
        if stored == "float32":
            kept[name] = array.astype("<f4")
            blob += kept[name].tobytes()
        else:
            dtype = np.dtype(stored).newbyteorder("<")
            low = float(array.min())
            scale = float(array.max() - low) / np.iinfo(dtype).max or 1.0
            whole = np.round((array - low) / scale).astype(dtype)
            kept[name] = whole.astype(np.float32) * np.float32(scale) + np.float32(low)
            entry["quantization"] = {"dtype": stored, "scale": scale, "min": low}
            blob += whole.tobytes()
        entries.append(entry)
    names = [f"drawn-shard{number + 1}" for number in range(shards)]
    step = -(-len(blob) // shards)
    for number, name in enumerate(names):
        (folder / name).write_bytes(blob[number * step : (number + 1) * step])
    path = folder / "drawn-weights_manifest.json"
    path.write_text(json.dumps([{"weights": entries, "paths": names}]))
    return path, kept


def in_torch(weights, picture):
    """The landmarks that torch finds with these weights, [68, 2]."""
    import torch
    import torch.nn.functional as F

    def tensor(name, *order):
        return torch.from_numpy(np.array(weights[name], np.float32)).permute(*order)

    def same(x, stride):
        total = max((-(-x.shape[-1] // stride) - 1) * stride + 3 - x.shape[-1], 0)
        before = total // 2
        return F.pad(x, (before, total - before) * 2)

    def separable(x, name, stride):
        depthwise = tensor(f"{name}/depthwise_filter", 2, 3, 0, 1)
        x = F.conv2d(same(x, stride), depthwise, stride=stride, groups=x.shape[1])
        return F.conv2d(x, tensor(f"{name}/pointwise_filter", 3, 2, 0, 1), tensor(f"{name}/bias", 0))

    x = torch.from_numpy((picture - np.array([122.782, 117.001, 104.298])) / 255).float().permute(2, 0, 1)[None]
    for block in range(sum(name.endswith("conv0/bias") for name in weights)):
        name = f"dense{block}/conv"
        if block:
            total = separable(x, f"{name}0", 2)
        else:
            total = F.conv2d(same(x, 2), tensor(f"{name}0/filters", 3, 2, 0, 1), tensor(f"{name}0/bias", 0), stride=2)
        total = x = F.relu(total)
        for number in range(1, sum(key.startswith(name) and key.endswith("bias") for key in weights)):
            total = total + separable(x, f"{name}{number}", 1)
            x = F.relu(total)
    shares = x.mean((2, 3)) @ tensor("fc/weights", 0, 1) + tensor("fc/bias", 0)
    return shares.numpy().reshape(68, 2).astype(float) * 112 - 0.5
