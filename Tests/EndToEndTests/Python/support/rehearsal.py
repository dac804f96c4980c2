"""Jobs that do as the test tells them, when it tells them."""

import asyncio
import contextlib

from .happenings import LIMIT

# What the worker runs. It has no words of its own: it prints what it is told to print, and ends when told.
SCRIPT_OF_A_REHEARSED_JOB = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as line:
    line.sendall((sys.argv[2] + chr(10)).encode())
    for order in line.makefile():
        verb, _, words = order.rstrip().partition(" ")
        if verb == "say": print(words, flush=True)
        if verb == "end": sys.exit(int(words))
"""


class RunningJob:
    """One run of a job; a job that lost its worker runs again as another one."""

    def __init__(self, job: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.job = job
        self._reader = reader
        self._writer = writer

    async def say(self, line: str) -> None:
        """Prints a line on the job's standard output."""
        await self._order(f"say {line}")

    async def end(self, code: int = 0) -> None:
        await self._order(f"end {code}")

    async def lost(self) -> None:
        """Returns when the run is no more."""
        with contextlib.suppress(ConnectionResetError):
            await asyncio.wait_for(self._reader.read(), LIMIT)

    async def _order(self, words: str) -> None:
        self._writer.write(f"{words}\n".encode())
        await self._writer.drain()


class Rehearsal:
    """Where rehearsed jobs ask what to do. It outlives a gateway: a job that runs again asks again."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._arrived: asyncio.Queue[RunningJob] = asyncio.Queue()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        return self._server.sockets[0].getsockname()[1]

    async def __aenter__(self) -> "Rehearsal":
        self._server = await asyncio.start_server(self._welcome, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def next(self) -> RunningJob:
        """The next run that begins."""
        return await asyncio.wait_for(self._arrived.get(), LIMIT)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        job = (await reader.readline()).decode().strip()
        self._arrived.put_nowait(RunningJob(job, reader, writer))
