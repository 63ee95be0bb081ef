"""The standard lowering of a captured network before it is exported."""

from __future__ import annotations

from neurofer.ir.program import Program
from neurofer.passes.drop_dropout import drop_dropout
from neurofer.passes.fold_batchnorm import fold_batchnorm
from neurofer.passes.lower_avgpool import lower_avgpool
from neurofer.passes.lower_maxpool import lower_maxpool


def lower(program: Program) -> Program:
    """Drop Dropout, fold BatchNorm, and lower max pooling of spikes and average pooling before weights.

    Up to the rounding of the folded weights the result is the same network. Max pooling of values that are no spikes
    stays, for the target to take or to refuse. Returns the same object when there is nothing to do.

    Raises:
        PassError: a BatchNorm that does not follow its own Linear or Conv layer.
    """
    return lower_avgpool(lower_maxpool(fold_batchnorm(drop_dropout(program)), strict=False))
