"""What is done to the world, one thing at a time."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.dice import Dice
from tests.chaos.replica import Replica
from tests.chaos.world import World
from tests.fake_openmetadata import Fault

FAULTS: tuple[Callable[[], Fault], ...] = (
    lambda: Fault("", status=429, times=4, headers={"Retry-After": "1"}),
    lambda: Fault("", status=429, times=4),
    lambda: Fault("", status=500, times=2),
    lambda: Fault("", status=502, times=5),
    lambda: Fault("", status=503, times=8),
    lambda: Fault("", status=504, times=2),
    lambda: Fault("", "reset", times=5),
    lambda: Fault("", "reset", times=5, late=True),
    lambda: Fault("", "half", times=5),
    lambda: Fault("", "slow", times=8, seconds=1.0),
)


@dataclass
class Observed:
    """What was measured on the way: seconds from a kill until the killed replica's runs went on elsewhere."""

    takeovers: list[float] = field(default_factory=list[float])


Disturbance = Callable[[World, Dice, Observed], str]


def kill_replica(world: World, dice: Dice, observed: Observed) -> str:
    """Kill -9 in the midst of its runs; the other one takes them over."""
    victim = dice.pick(world.replicas)
    held: list[tuple[str, int]] = []

    def at_work() -> bool:
        held[:] = _runs_of(world, victim)
        return bool(held)

    world.await_that("a replica at work", at_work)
    victim.kill()
    observed.takeovers.append(world.await_that("a takeover", lambda: all(map(_moved_on(world), held))))
    time.sleep(dice.between(0, world.scale.lease_seconds))
    _start(victim)
    return f"kill -9 of a replica with {len(held)} runs"


def kill_both_replicas(world: World, dice: Dice, _observed: Observed) -> str:
    """Nobody is left for a while."""
    for replica in world.replicas:
        replica.kill()
    time.sleep(dice.between(0, world.scale.lease_seconds))
    for replica in world.replicas:
        replica.start()
    for replica in world.replicas:
        replica.wait_ready()
    return "kill -9 of both replicas"


def freeze_replica(world: World, dice: Dice, _observed: Observed) -> str:
    """SIGSTOP for longer than a lease; it wakes up and finds its runs taken."""
    victim = dice.pick(world.replicas)
    victim.send(signal.SIGSTOP)
    time.sleep(world.scale.lease_seconds + dice.between(0.5, 2))
    victim.send(signal.SIGCONT)
    victim.wait_ready()
    return "SIGSTOP of a replica past its leases"


def restart_replica(world: World, dice: Dice, _observed: Observed) -> str:
    """SIGTERM, as a rolling restart does it."""
    victim = dice.pick(world.replicas)
    victim.send(signal.SIGTERM)
    victim.wait_end()
    _start(victim)
    return "SIGTERM of a replica"


def kill_store(world: World, dice: Dice, _observed: Observed) -> str:
    """Kill -9 of Postgres, which is away for a while."""
    pid = world.store.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    world.stop_store()
    away = dice.between(0, world.scale.outage_seconds)
    time.sleep(away)
    world.start_store()
    for replica in world.replicas:
        replica.wait_ready()
    return f"kill -9 of the store, away for {away:.1f} s"


def break_catalogue(world: World, dice: Dice, _observed: Observed) -> str:
    """A burst of answers that no sink likes."""
    fault = dice.pick(FAULTS)()
    told = f"{fault.kind} {fault.status if fault.kind == 'status' else ''}".strip()
    world.catalogue.faults.add(fault)
    return f"catalogue: {fault.times} x {told}"


DISTURBANCES: tuple[Disturbance, ...] = (
    kill_replica,
    kill_replica,
    freeze_replica,
    restart_replica,
    kill_store,
    break_catalogue,
    break_catalogue,
    kill_both_replicas,
)


def _moved_on(world: World) -> Callable[[tuple[str, int]], bool]:
    """Whether a run has another attempt than that one, or has ended."""

    def moved_on(held: tuple[str, int]) -> bool:
        run_id, attempt = held
        run = world.ask(f"/runs/{run_id}")
        return bool(run["finishedAt"]) or (run["state"] == "running" and run["attempt"] > attempt)

    return moved_on


def _runs_of(world: World, replica: Replica) -> list[tuple[str, int]]:
    """The runs that this replica works on, each with its attempt."""
    running = world.everything("/runs", state="running")
    return [(run["id"], run["attempt"]) for run in running if f"-{replica.pid}-" in (run["worker"] or "")]


def _start(replica: Replica) -> None:
    replica.start()
    replica.wait_ready()
