"""README and the code say the same: the support matrix is made from what the backends declare, never by hand."""

from neurofer.backends import targets as room
from neurofer.cli import VERBS


def test_the_support_matrix_is_what_the_backends_declare(checkout):
    text = (checkout / "README.md").read_text()
    written = text.split("<!-- support-matrix -->\n")[1].split("\n<!-- /support-matrix -->")[0]
    shown = [target for target in room.targets() if target.board is None]
    made = room.markdown([column for target in shown for column in room.support(target)])
    assert written == made.strip(), "next: neurofer targets --markdown, into README.md"


def test_every_verb_is_in_the_table(checkout):
    text = (checkout / "README.md").read_text()
    assert [verb for verb in VERBS if f"| `neurofer {verb}` |" not in text] == []
