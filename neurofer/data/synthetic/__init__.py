"""Synthetic faces: a drawn person moves from neutral to one of six expressions before a DVS, by seed.

    recording = clip(seed=7, expression="happy")
    faces = dataset(600, seed=0)
    manifest = build(source(600, seed=0), "faces")

For trying the event path without a signed agreement; how well a network does on them says nothing about real faces.
"""

from __future__ import annotations

from neurofer.data.synthetic.clip import Clip, clip, film
from neurofer.data.synthetic.dataset import Faces, dataset, member
from neurofer.data.synthetic.expression import EXPRESSIONS
from neurofer.data.synthetic.source import source

__all__ = ["EXPRESSIONS", "Clip", "Faces", "clip", "dataset", "film", "member", "source"]
