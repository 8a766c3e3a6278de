import asyncio
import threading
from contextlib import ExitStack

from service.api.feed import RunFeed


async def waits(feed: RunFeed, run_id: str, seconds: float = 5.0) -> bool:
    """Whether the follower was woken before the time was up."""
    with feed.follow(run_id) as follower:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await follower.wait(seconds)
        return loop.time() - began < seconds


def test_a_follower_hears_of_its_run_from_any_thread() -> None:
    async def follow() -> bool:
        threading.Timer(0.05, feed.notify, ["one"]).start()
        return await waits(feed, "one")

    feed = RunFeed()
    assert asyncio.run(follow())
    assert feed.followers == 0


def test_a_follower_hears_nothing_of_other_runs() -> None:
    async def follow() -> bool:
        threading.Timer(0.02, feed.notify, ["other"]).start()
        return await waits(feed, "one", 0.2)

    feed = RunFeed()
    assert not asyncio.run(follow())


def test_an_empty_id_and_the_end_wake_everybody() -> None:
    async def follow() -> list[bool]:
        threading.Timer(0.05, feed.notify, [""]).start()
        first = await asyncio.gather(waits(feed, "one"), waits(feed, "two"), waits(feed, "two"))
        threading.Timer(0.05, feed.close).start()
        return [*first, await waits(feed, "one"), feed.closed]

    feed = RunFeed()
    assert asyncio.run(follow()) == [True] * 5


def test_a_notification_before_the_wait_is_not_lost() -> None:
    async def follow() -> bool:
        with feed.follow("one") as follower:
            feed.notify("one")
            loop = asyncio.get_running_loop()
            began = loop.time()
            await follower.wait(60)
            return loop.time() - began < 30

    feed = RunFeed()
    assert asyncio.run(follow())


def test_a_follower_whose_loop_is_gone_hurts_nobody() -> None:
    async def begin() -> None:
        following.enter_context(feed.follow("one"))

    feed = RunFeed()
    with ExitStack() as following:
        asyncio.run(begin())
        feed.notify("one")
