import pytest

from neurofer.cli import interrupt, outcome
from neurofer.cli.outcome import Ticker


def test_a_ticker_tells_of_long_work_only(capsys, monkeypatch):
    monkeypatch.setattr(outcome, "_PATIENCE", 1e9)
    ticker = Ticker("events")
    for _ in range(100):
        ticker.add(7)
    assert capsys.readouterr().err == ""


def test_a_ticker_tells_how_many_of_how_many(capsys, monkeypatch):
    monkeypatch.setattr(outcome, "_PATIENCE", 0.0)
    known, open_ended = Ticker("frames", 30), Ticker("events")
    known.add()
    open_ended.add(12_345)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "  1 of 30 frames\n  12,345 events\n")


def test_an_interrupt_that_was_dropped_counts_at_the_next_word(monkeypatch):
    monkeypatch.setattr(outcome, "_PATIENCE", 0.0)
    monkeypatch.setattr(interrupt, "_received", [interrupt.INTERRUPTED])
    with pytest.raises(KeyboardInterrupt):
        Ticker("events").add()
