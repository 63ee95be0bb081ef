"""What the verbs that verify share."""

import pytest

from neurofer.cli.check import condense, parse_targets
from neurofer.errors import UsageError


def test_nodes_with_one_cause_share_a_line():
    reason = (
        "cannot read\n" + "\n".join(f"  - act{i}: soft reset: no" for i in range(5)) + "\n  - fc: too wide\n  next: go"
    )
    assert condense(reason).splitlines() == [
        "cannot read",
        "  - soft reset: no: act0, act1, act2 and 2 more",
        "  - too wide: fc",
        "  next: go",
    ]


def test_text_without_a_list_stays():
    assert condense("every spike is equal") == "every spike is equal"
    assert condense("") == ""


def test_targets_are_split_once_each():
    assert parse_targets("norse, snntorch,norse") == ("norse", "snntorch")
    assert parse_targets(None) is None


def test_all_unknown_targets_are_named():
    with pytest.raises(UsageError, match="'brian', 'nest'"):
        parse_targets("brian,norse,nest")
