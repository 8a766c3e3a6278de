import asyncio
from collections.abc import Callable
from contextlib import ExitStack

from service.api.feed import RunFeed
from tests.eventually import eventually


async def waits(feed: RunFeed, seconds: float = 60.0) -> bool:
    """Whether the follower was woken before the time was up."""
    with feed.follow() as follower:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await follower.wait(seconds)
        return loop.time() - began < seconds


async def once_followed(feed: RunFeed, followers: int, act: Callable[[], None]) -> bool:
    """Do it in another thread as soon as there are so many followers."""

    def work() -> None:
        eventually(lambda: feed.followers == followers)
        act()

    await asyncio.to_thread(work)
    return True


def test_followers_hear_of_runs_from_any_thread() -> None:
    async def follow() -> list[bool]:
        return list(await asyncio.gather(waits(feed), waits(feed), once_followed(feed, 2, feed.notify)))

    feed = RunFeed()
    assert asyncio.run(follow()) == [True] * 3
    assert feed.followers == 0


def test_without_news_a_follower_waits_its_time() -> None:
    feed = RunFeed()
    assert not asyncio.run(waits(feed, 0.2))


def test_the_end_wakes_everybody() -> None:
    async def follow() -> list[bool]:
        woken, _ = await asyncio.gather(waits(feed), once_followed(feed, 1, feed.close))
        return [woken, feed.closed]

    feed = RunFeed()
    assert asyncio.run(follow()) == [True] * 2


def test_a_notification_before_the_wait_is_not_lost() -> None:
    async def follow() -> bool:
        with feed.follow() as follower:
            feed.notify()
            loop = asyncio.get_running_loop()
            began = loop.time()
            await follower.wait(60)
            return loop.time() - began < 30

    feed = RunFeed()
    assert asyncio.run(follow())


def test_a_follower_whose_loop_is_gone_hurts_nobody() -> None:
    async def begin() -> None:
        following.enter_context(feed.follow())

    feed = RunFeed()
    with ExitStack() as following:
        asyncio.run(begin())
        feed.notify()
