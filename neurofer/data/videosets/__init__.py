"""Sets of filmed faces, as their owners hand them out, as sources that `neurofer.data.build` builds data sets from.

    build(videosets.source("ckplus", "CK+", Showing(policy="hold")), "dvs-ckplus")

None of them may be passed on; each is had from its owners by a signed agreement.
"""

from __future__ import annotations

from neurofer.data.videosets.convert import Showing
from neurofer.data.videosets.layout import EMOTIONS, Clip, Found
from neurofer.data.videosets.source import LAYOUTS, find, source

__all__ = ["EMOTIONS", "LAYOUTS", "Clip", "Found", "Showing", "find", "source"]
