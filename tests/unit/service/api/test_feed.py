import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack

from service.api.feed import RunFeed
from tests.eventually import eventually


async def waits(feed: RunFeed, run_id: str, seconds: float = 60.0) -> bool:
    """Whether the follower was woken before the time was up."""
    with feed.follow(run_id) as follower:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await follower.wait(seconds)
        return loop.time() - began < seconds


async def once_followed(feed: RunFeed, followers: int, act: Callable[..., None], *given: str) -> bool:
    """Do it in another thread as soon as there are so many followers."""

    def work() -> None:
        eventually(lambda: feed.followers == followers)
        act(*given)

    await asyncio.to_thread(work)
    return True


def test_a_follower_hears_of_its_run_from_any_thread() -> None:
    async def follow() -> bool:
        return (await asyncio.gather(waits(feed, "one"), once_followed(feed, 1, feed.notify, "one")))[0]

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
        names = ("one", "two", "two")
        *first, _ = await asyncio.gather(
            *(waits(feed, name) for name in names), once_followed(feed, 3, feed.notify, "")
        )
        last, _ = await asyncio.gather(waits(feed, "one"), once_followed(feed, 1, feed.close))
        return [*first, last, feed.closed]

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
