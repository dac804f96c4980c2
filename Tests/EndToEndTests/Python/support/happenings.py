"""Waiting for what has been told, instead of sleeping until it may have been."""

import asyncio
from typing import Callable

LIMIT = 30


class Happenings:
    """The base of a handler that keeps what it is told, for a test to wait for and look at."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()

    async def when(self, condition: Callable[[], bool]) -> None:
        """Returns once it is so; raises TimeoutError when it never comes to that."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(condition), LIMIT)

    async def note(self, kept: list, happening: object) -> None:
        async with self._changed:
            kept.append(happening)
            self._changed.notify_all()
