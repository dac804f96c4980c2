"""The official Python SDK against a gateway: as it comes from PyPI, over a real socket, to a real process.

Run by scripts/test; FANFARE names the executable. No test sleeps: each waits for what it was told.
"""

import contextlib
import unittest

from support.gateway import Gateway
from support.rehearsal import Rehearsal
from support.user import User
from support.watcher import Watcher


class SDKTest(unittest.IsolatedAsyncioTestCase):
    requests = 1000
    workers = 2

    async def asyncSetUp(self) -> None:
        self.stack = contextlib.AsyncExitStack()
        self.addAsyncCleanup(self.stack.aclose)
        self.rehearsal = await self.stack.enter_async_context(Rehearsal())
        self.gateway = await self.stack.enter_async_context(
            Gateway(self.rehearsal, requests=self.requests, workers=self.workers))

    async def user(self, name: str = "alice", url: str | None = None) -> User:
        """Connected, until the end of the test."""
        user = User(url or self.gateway.socket_url, token=self.gateway.key.token(name))
        return await self.stack.enter_async_context(user)

    def assert_ordered(self, watcher: Watcher) -> None:
        """What holds of every watch, whatever happened on the way."""
        self.assertEqual(watcher.offsets, sorted(set(watcher.offsets)), "offsets grow")
        for attempt, percents in watcher.runs.items():
            self.assertEqual(percents, sorted(percents), f"percent never falls within attempt {attempt}")
        self.assertEqual(len(watcher.ends), 1, f"one end: {watcher.events}")
        self.assertIs(watcher.ends[0], watcher.events[-1], "nothing after the end")

    def assert_whole(self, watcher: Watcher, record: dict) -> None:
        """The job put together from events is the job as the gateway keeps it: nothing is missing."""
        for member in ("state", "attempt", "percent", "stage", "result", "error", "offset", "epoch"):
            self.assertEqual(watcher.job.get(member), record.get(member), member)
