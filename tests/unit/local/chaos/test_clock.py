"""The clock of a chaos run, and the phrases that the emulator prints."""

from pathlib import Path

from local.chaos.clock import HeldClock
from local.chaos.printed import PrintedPhrases
from tests.fakes.clock import Clock


def test_a_clock_that_is_held_stands_still(clock: Clock) -> None:
    held = HeldClock(clock)
    clock.now += 5
    held.start()
    clock.now += 2
    with held.held():
        clock.now += 30
        assert held() == 2
    clock.now += 1

    assert held() == 3


def test_phrases_are_counted_however_often_the_output_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\ntwo one\non")
    phrases = PrintedPhrases(log, ["one", "two"])
    assert phrases["one"] == 2

    with log.open("a") as more:
        more.write("e\n")
    assert phrases["one"] == 3
    assert phrases["two"] == 1
