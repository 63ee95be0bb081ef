"""Exit codes follow the first rule that applies."""

import msgspec
import pytest

from neurofer.verify import Verdict, Verification, exit_code


def rows(*words, importer="neurofer"):
    return [Verdict(target="t", importer=importer, version="t 1", verdict=word) for word in words]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["EXACT"], 0),
        (["TIES", "EXACT"], 0),
        (["EXACT", "REFUSED", "DIVERGENT"], 1),
        (["SILENT", "REFUSED"], 1),
        (["REFUSED", "NOT_RUN"], 2),
        (["EXACT", "NOT_RUN"], 0),
        (["NOT_RUN", "NOT_RUN"], 4),
    ],
)
def test_first_rule_that_applies(words, code):
    assert exit_code(rows(*words)) == code


def test_a_missing_target_counts_when_named_or_strict():
    verdicts = rows("EXACT", "NOT_RUN")
    assert exit_code(verdicts, named=True) == 4
    assert exit_code(verdicts, strict=True) == 4


def test_stock_rows_decide_only_when_asked_for_alone():
    verdicts = [*rows("EXACT"), *rows("DIVERGENT", importer="stock")]
    assert exit_code(verdicts) == 0
    assert exit_code(verdicts, importer="stock") == 1


def test_the_document_names_its_schema_and_round_trips():
    document = Verification(artifact="a.nir", steps=4, samples=1, targets=rows("EXACT"))
    text = msgspec.json.encode(document)
    assert b'"schema":"neurofer.verify/1"' in text
    assert msgspec.json.decode(text, type=Verification) == document
