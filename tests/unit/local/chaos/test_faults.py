"""The schedule of faults."""

from collections import Counter

from local.chaos.faults import Fault, Faults
from tests.fakes.clock import Clock


def test_a_fault_strikes_the_first_call_of_its_place_from_its_time_on(clock: Clock) -> None:
    faults = Faults([Fault("throttled", "mark", 5)], clock)
    faults.begin()

    struck = [faults.strike("mark")]
    clock.now += 5
    struck += [faults.strike("claim"), faults.strike("mark"), faults.strike("mark")]

    assert struck == [None, None, "throttled", None]
    assert faults.struck == Counter({("throttled", "mark"): 1})


def test_no_fault_strikes_before_the_schedule_begins(clock: Clock) -> None:
    faults = Faults([Fault("throttled", "mark", 0)], clock)

    assert faults.strike("mark") is None
    assert not faults.waits_at({"mark"})
    faults.begin()
    assert faults.strike("mark") == "throttled"


def test_faults_that_wait_at_one_place_strike_one_call_each_the_earliest_first(
    clock: Clock,
) -> None:
    faults = Faults([Fault("late", "mark", 2), Fault("early", "mark", 1)], clock)
    faults.begin()
    clock.now += 3

    assert [faults.strike("mark") for _ in range(3)] == ["early", "late", None]


def test_a_fault_of_some_duration_strikes_every_call_from_the_first_one_on(clock: Clock) -> None:
    faults = Faults([Fault("down", "webhook", 1, lasting=10), Fault("slow", "webhook", 2)], clock)
    faults.begin()
    clock.now += 100

    struck = [faults.strike("webhook")]
    clock.now += 9
    struck.append(faults.strike("webhook"))
    clock.now += 1
    struck += [faults.strike("webhook"), faults.strike("webhook")]

    assert struck == ["down", "down", "slow", None]
    assert faults.struck["down", "webhook"] == 2


def test_asking_whether_a_fault_lasts_counts_it_once(clock: Clock) -> None:
    faults = Faults([Fault("shut", "door", 1, lasting=10)], clock)
    faults.begin()

    lasted = [faults.lasts("door")]
    for seconds in (1, 9, 1):
        clock.now += seconds
        lasted.append(faults.lasts("door"))

    assert lasted == [False, True, True, False]
    assert faults.struck == Counter({("shut", "door"): 1})


def test_a_place_is_spared_for_as_long_as_was_asked(clock: Clock) -> None:
    faults = Faults([Fault("throttled", "mark", 0), Fault("throttled", "claim", 0)], clock)
    faults.begin()
    faults.spare("mark", 3)

    assert faults.strike("mark") is None
    assert faults.strike("claim") == "throttled"
    clock.now += 3
    assert faults.strike("mark") == "throttled"


def test_a_fault_that_has_not_struck_is_missing(clock: Clock) -> None:
    met, unmet, later = Fault("a", "mark", 0), Fault("b", "claim", 0), Fault("c", "look", 9)
    faults = Faults([met, unmet, later], clock)
    faults.begin()
    faults.strike("mark")

    assert faults.missing() == [unmet, later]
    assert faults.waits_at({"claim", "mark"})
    assert not faults.waits_at({"mark", "look"})
