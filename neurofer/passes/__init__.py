"""The passes: each takes a Program and returns one that does the same in another form, or the same object."""

from neurofer.passes.drop_dropout import drop_dropout
from neurofer.passes.fold_batchnorm import fold_batchnorm
from neurofer.passes.fold_sumpool import fold_sumpool
from neurofer.passes.input_codes import input_codes
from neurofer.passes.integrators_to_readout import integrators_to_readout
from neurofer.passes.lower import lower
from neurofer.passes.lower_avgpool import lower_avgpool
from neurofer.passes.lower_maxpool import lower_maxpool
from neurofer.passes.lower_sumpool import lower_sumpool
from neurofer.passes.lower_threshold import lower_threshold
from neurofer.passes.normalize_gain import normalize_gain
from neurofer.passes.proof import Proof, prove
from neurofer.passes.shift_v_reset import shift_v_reset
from neurofer.passes.to_compare import to_compare
from neurofer.passes.to_grid import to_grid

__all__ = [
    "Proof",
    "drop_dropout",
    "fold_batchnorm",
    "fold_sumpool",
    "input_codes",
    "integrators_to_readout",
    "lower",
    "lower_avgpool",
    "lower_maxpool",
    "lower_sumpool",
    "lower_threshold",
    "normalize_gain",
    "prove",
    "shift_v_reset",
    "to_compare",
    "to_grid",
]
