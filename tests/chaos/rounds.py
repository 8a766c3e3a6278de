"""The course of things: some rounds of disturbances, then quiet, then the verdict."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.dice import Dice
from tests.chaos.disturbances import DISTURBANCES, Observed, kill_replica
from tests.chaos.verdict import Line, judge
from tests.chaos.world import Scale, World, change_source, living
from tests.postgres import SourceServer

PAUSE_SECONDS = 2.0


def play(
    folder: Path, scale: Scale, sources: SourceServer, *, rounds: int, seed: int, say: Callable[[str], None]
) -> list[Line]:
    """Disturb a world so many times; how it stood that."""
    dice, observed = Dice(seed), Observed()
    disturbances = dice.deck(DISTURBANCES)
    with living(folder, scale, sources) as world:
        for number in range(1, rounds + 1):
            time.sleep(dice.between(0, PAUSE_SECONDS))
            if number == rounds // 2 + 1:
                change_source(world)
            began = time.monotonic()
            disturb = kill_replica if number == 1 else next(disturbances)
            told = disturb(world, dice, observed)
            say(f"{number:3}/{rounds} {told} ({time.monotonic() - began:.1f} s)")
        for replica in world.replicas:
            replica.wait_ready()
        ends = world.end_schedules()
        _settle(world)
        return list(judge(world, ends, folder, observed.takeovers))


def _settle(world: World) -> None:
    def idle() -> bool:
        return not any(world.ask("/runs", state=state, limit=1)["data"] for state in ("queued", "running"))

    world.await_that("all runs end", idle)
