"""The report for human readers: node kind by simulator, case by simulator, and the reason of every failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import get_args

from neurofer.conformance.report import Column, Report, Result, Word
from neurofer.report.markdown import table

MISLEADING: tuple[Word, ...] = ("silently wrong", "crashes")

_LEGEND = {
    "exact": "every value of the output is the reference's",
    "ties": "values differ by float32 rounding, or spikes only where the membrane meets the threshold (`>=` for `>`)",
    "refused": "the importer says no, on purpose",
    "silently wrong": "another output and no exception (a line in a log is none); the largest share of entries off",
    "crashes": "another exception, a signal, or no answer in time",
    "not run": "the simulator is not set up where this was made",
}

_HEAD = """\
# Conformance

What simulators make of NIR graphs as NIR defines them. Each case is a small graph without any metadata, given to the
simulator's own released importer (a column with `(neurofer)` is neurofer's importer on that simulator's neurons); its
output is compared, entry by entry, with a float64 reference. Where NIR is silent the suite reads it so: forward Euler
with a step `dt`, membranes and synapses start at 0, a spike is `v > v_threshold` and resets to `v_reset` in its step,
recurrent weights carry the spikes of the step before, several edges into a node are summed.

This page is made by `make docs-conformance`. To run the suite on a simulator of your own:

```python
{example}```
"""

EXAMPLE = """\
from neurofer.conformance import Refused, Simulator, markdown, run


class Mine(Simulator):
    name, version = "mine", "1.0"

    def load(self, graph, dt):
        if len(graph.nodes) > 3:
            raise Refused("one layer at a time")
        weight = next(node.weight for node in graph.nodes.values() if hasattr(node, "weight"))
        return lambda x: x @ weight.T  # [T, N, *shape] -> [T, N, *shape]


print(markdown(run(Mine())))
"""


def kinds(report: Report) -> list[str]:
    """Return the rows of the table, in order."""
    return list(dict.fromkeys(case.kind for case in report.cases))


def cell(results: Iterable[Result]) -> str:
    """Return what several cases came to: each word with its number, ``exact`` alone where all are."""
    found = list(results)
    counts = Counter(result.word for result in found)
    parts = []
    for word in get_args(Word):
        if word not in counts:
            continue
        number = "" if counts[word] == len(found) else f"{counts[word]} "
        worst = max((r.share for r in found if r.word == word), default=0.0)
        parts.append(f"{number}{word}{f' ({worst:.0%})' if word == 'silently wrong' else ''}")
    return ", ".join(parts)


def by_kind(report: Report) -> list[tuple[str, ...]]:
    """Return the rows node kind, number of cases, one cell per column."""
    found = [report.of(column) for column in report.columns]
    rows = []
    for kind in kinds(report):
        names = [case.name for case in report.cases if case.kind == kind]
        rows.append((kind, str(len(names)), *(cell(results[name] for name in names) for results in found)))
    return rows


def totals(report: Report, column: Column) -> dict[Word, int]:
    """Return how many cases of a column came to each word, in the order of the words."""
    counts = Counter(result.word for result in report.of(column).values())
    return {word: counts[word] for word in get_args(Word) if word in counts}


def failures(report: Report, column: Column, words: Sequence[Word] = ("refused", *MISLEADING)) -> list[tuple[str, str]]:
    """Return what went wrong and why, with the names of the cases, those of one reason together."""
    found: dict[tuple[str, str], list[str]] = {}
    for result in report.of(column).values():
        if result.word in words:
            told = f"{result.word} ({result.share:.1%})" if result.word == "silently wrong" else result.word
            found.setdefault((told, " ".join(result.reason.split())), []).append(result.case)
    return [(", ".join(names), f"{told}: {reason}") for (told, reason), names in found.items()]


def markdown(report: Report) -> str:
    """Return the report as Markdown, ending in a newline."""
    titles = [column.title for column in report.columns]
    legend = "\n".join(f"- **{word}**: {meaning}" for word, meaning in _LEGEND.items())
    tried = [(c.title, c.version or "-", _counts(totals(report, c))) for c in report.columns]
    parts = [
        _HEAD.format(example=EXAMPLE).rstrip(),
        "## Words\n\n" + legend,
        "## Simulators\n\n" + table(("simulator", "version", "cases"), tried),
        "## Node kind by simulator\n\n" + table(("node kind", "cases", *titles), by_kind(report)),
        "## Case by simulator\n\n" + _cases(report),
        "## Reasons",
        *(_reasons(report, column) for column in report.columns),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _counts(words: dict[Word, int]) -> str:
    return ", ".join(f"{number} {word}" for word, number in words.items())


def _cases(report: Report) -> str:
    found = [report.of(column) for column in report.columns]
    rows = [
        (case.name, case.what, f"{case.dt:g}", *(cell([results[case.name]]) for results in found))
        for case in report.cases
    ]
    return table(("case", "tests", "dt (s)", *(column.title for column in report.columns)), rows)


def _reasons(report: Report, column: Column) -> str:
    found = failures(report, column, ("ties", "refused", *MISLEADING, "not run"))
    if not found:
        return ""
    if totals(report, column).keys() == {"not run"}:
        return f"### {column.title}\n\n- {found[0][1]}"
    lines = "\n".join(f"- {names}: {_plain(why)}" for names, why in found)
    return f"### {column.title}\n\n{lines}"


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("|", "\\|")
