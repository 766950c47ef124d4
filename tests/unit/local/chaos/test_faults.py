"""The schedule of faults: which calls they strike."""

from collections import Counter

from local.chaos.faults import Fault, Faults
from tests.fakes.clock import Clock


def test_a_due_fault_strikes_the_next_call_of_its_target(clock: Clock) -> None:
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
    assert not faults.is_due_at({"mark"})
    faults.begin()
    assert faults.strike("mark") == "throttled"


def test_faults_of_one_target_strike_one_call_each_in_the_order_of_their_times(
    clock: Clock,
) -> None:
    faults = Faults([Fault("late", "mark", 2), Fault("early", "mark", 1)], clock)
    faults.begin()
    clock.now += 3

    assert [faults.strike("mark") for _ in range(3)] == ["early", "late", None]


def test_a_fault_with_a_duration_strikes_every_call_during_it(clock: Clock) -> None:
    faults = Faults([Fault("down", "webhook", 1, duration=10), Fault("slow", "webhook", 2)], clock)
    faults.begin()
    clock.now += 100

    struck = [faults.strike("webhook")]
    clock.now += 9
    struck.append(faults.strike("webhook"))
    clock.now += 1
    struck += [faults.strike("webhook"), faults.strike("webhook")]

    assert struck == ["down", "down", "slow", None]
    assert faults.struck["down", "webhook"] == 2


def test_a_fault_that_is_on_counts_once(clock: Clock) -> None:
    faults = Faults([Fault("shut", "door", 1, duration=10)], clock)
    faults.begin()

    on = [faults.is_on("door")]
    for seconds in (1, 9, 1):
        clock.now += seconds
        on.append(faults.is_on("door"))

    assert on == [False, True, True, False]
    assert faults.struck == Counter({("shut", "door"): 1})


def test_no_fault_strikes_a_paused_target(clock: Clock) -> None:
    faults = Faults([Fault("throttled", "mark", 0), Fault("throttled", "claim", 0)], clock)
    faults.begin()
    faults.pause("mark", 3)

    assert faults.strike("mark") is None
    assert faults.strike("claim") == "throttled"
    clock.now += 3
    assert faults.strike("mark") == "throttled"


def test_a_fault_that_has_not_struck_is_pending(clock: Clock) -> None:
    struck, due, later = Fault("a", "mark", 0), Fault("b", "claim", 0), Fault("c", "look", 9)
    faults = Faults([struck, due, later], clock)
    faults.begin()
    faults.strike("mark")

    assert faults.pending() == [due, later]
    assert faults.is_due_at({"claim", "mark"})
    assert not faults.is_due_at({"mark", "look"})
