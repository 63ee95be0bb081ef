from typing import get_args

import pytest

from neurofer.cli.data import options
from neurofer.data import dvs
from neurofer.data.describe import Labels
from neurofer.data.fer2013 import NAMES
from neurofer.errors import UsageError


def test_the_help_names_what_there_is():
    told = options.Preset.__metadata__[0].help.partition(": ")[2].rstrip(".").replace(" or ", ", ").split(", ")
    assert sorted(told) == sorted(dvs.PRESETS)
    assert set(get_args(options.Labels.__origin__)) == set(get_args(Labels)) == set(NAMES)


@pytest.mark.parametrize(
    ("text", "size"), [("200", (200, 200)), ("640x480", (640, 480)), ("4X3", (4, 3)), (None, None)]
)
def test_sizes(text, size):
    assert options.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "x", "3x", "3x4x5", "-3", "1.5", "99999", "²", "3 x 4"])
def test_what_is_no_size(text):
    with pytest.raises(UsageError, match="is no size"):
        options.parse_size(text)
