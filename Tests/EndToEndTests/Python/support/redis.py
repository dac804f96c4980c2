"""A Redis of the tests' own, which keeps what it has been told when it is started again."""

import asyncio
import signal
import socket
import tempfile

START_LIMIT = 30


class Redis:
    """`redis-server` on a free port of the loopback, writing each change to its disk. `async with` starts and ends it."""

    def __init__(self) -> None:
        self.port = _free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="fanfare-redis-")
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "Redis":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.kill()
        finally:
            self._folder.cleanup()

    async def start(self) -> None:
        """Returns when it takes connections."""
        self._process = await asyncio.create_subprocess_exec(
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder.name,
            "--save", "", "--appendonly", "yes", "--appendfsync", "always",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        await asyncio.wait_for(self._ready(), START_LIMIT)
        self._output = asyncio.create_task(self._process.stdout.read())

    async def kill(self) -> None:
        """`kill -9`: no farewell to anybody."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await self._output

    async def restart(self) -> None:
        await self.kill()
        await self.start()

    async def _ready(self) -> None:
        said = b""
        async for line in self._process.stdout:
            said += line
            if b"Ready to accept connections" in line:
                return
        raise AssertionError(f"redis-server ended before it took connections\n{said.decode(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
