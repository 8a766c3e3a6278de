"""Who stops a run, and until when it is held."""

import time

from service.execution.stopping import Stop, StopSwitch


def test_the_first_who_stops_it_counts_but_for_a_lost_lease() -> None:
    switch = StopSwitch(None)
    assert switch.by is None
    assert switch.pull(Stop.USER, "by hand")
    assert not switch.pull(Stop.SHUTDOWN, "the service ends")
    assert (switch.by, switch.cancellation.reason) == (Stop.USER, "by hand")
    assert not switch.pull(Stop.LEASE_LOST, "gone")
    assert switch.by is Stop.LEASE_LOST


def test_a_timeout_is_nobodys_stop() -> None:
    switch = StopSwitch(0.0, time.monotonic() + 60)
    assert switch.cancellation.requested
    assert switch.by is None


def test_a_lease_that_is_over_is_lost_unless_it_was_renewed() -> None:
    switch = StopSwitch(None, time.monotonic() - 1)
    switch.hold_until(time.monotonic() + 60)
    assert (switch.cancellation.requested, switch.by) == (False, None)
    switch.hold_until(time.monotonic() - 1)
    assert (switch.cancellation.requested, switch.by) == (True, Stop.LEASE_LOST)
    switch.hold_until(time.monotonic() + 60)
    assert (switch.cancellation.requested, switch.by) == (True, Stop.LEASE_LOST)


def test_followers_are_told_now_and_at_each_renewal() -> None:
    switch, told = StopSwitch(None, 1e9), list[float]()
    with switch.followed(told.append):
        switch.hold_until(2e9)
    switch.hold_until(3e9)
    assert told == [1e9, 2e9]
    with StopSwitch(None).followed(told.append):
        pass
    assert told == [1e9, 2e9]
