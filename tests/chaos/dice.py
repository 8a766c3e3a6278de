"""Chance that can be repeated: the same seed makes the same choices."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws numbers from a seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn = 0

    def fraction(self) -> float:
        """From 0 up to, not including, 1."""
        self._drawn += 1
        digest = hashlib.blake2b(f"{self._seed}/{self._drawn}".encode(), digest_size=7).digest()
        return int.from_bytes(digest) / 2**56

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.fraction()

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.fraction() * len(choices))]

    def deck(self, cards: Sequence[T]) -> Iterator[T]:
        """Every card once, in any order, and again, for ever."""
        while True:
            left = list(cards)
            while left:
                yield left.pop(int(self.fraction() * len(left)))
