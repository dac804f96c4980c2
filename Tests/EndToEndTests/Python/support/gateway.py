"""`fanfare serve` as a process: started, ended, killed and started again on the same port and folder."""

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
from pathlib import Path

from .key import Key
from .redis import Redis
from .rehearsal import SCRIPT_OF_A_REHEARSED_JOB, Rehearsal

START_LIMIT = 30
END_LIMIT = 30


class Gateway:
    """A gateway with workers, on the embedded broker or on a Redis, in a folder of its own.

    `async with` starts and ends it. Its first start takes a free port; later ones take the same again.
    """

    def __init__(
        self, rehearsal: Rehearsal, *, requests: int = 1000, workers: int = 2, redis: Redis | None = None,
        queues: list[str] | None = None) -> None:
        self.key = Key()
        self.rehearsal = rehearsal
        self.requests = requests
        self.workers = workers
        self.redis = redis
        self.queues = queues or ["default"]
        self.port = 0
        self._folder = tempfile.TemporaryDirectory(prefix="fanfare-sdk-")
        self._process: asyncio.subprocess.Process | None = None
        self._output: asyncio.Task | None = None

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/connection/websocket"

    @property
    def folder(self) -> Path:
        return Path(self._folder.name)

    async def __aenter__(self) -> "Gateway":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            code = await self.end()
            if code not in (0, None):
                raise AssertionError(f"the gateway ended with {code}\n{self.log()}")
        finally:
            self._folder.cleanup()

    async def start(self) -> None:
        """Returns when it listens. Raises, with what it wrote, when it ended instead."""
        configuration = self.folder / "config.toml"
        configuration.write_text(self._configuration())
        with open(self.folder / "log", "ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                os.environ["FANFARE"], "serve", "--config", str(configuration),
                "--port", str(self.port), "--folder", str(self.folder / "state"),
                cwd=self.folder, env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log)
        self.port = await asyncio.wait_for(self._listening_port(), START_LIMIT)
        self._output = asyncio.create_task(self._process.stdout.read())

    async def end(self) -> int | None:
        """Asks it to end, as an operator would; answers with its exit code."""
        return await self._stop(signal.SIGTERM)

    async def kill(self) -> None:
        """`kill -9`: no farewell to anybody."""
        await self._stop(signal.SIGKILL)

    async def restart(self) -> None:
        await self.kill()
        await self.start()

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    async def _stop(self, number: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if process.returncode is not None:
            raise AssertionError(f"the gateway ended by itself with {process.returncode}\n{self.log()}")
        process.send_signal(number)
        try:
            code = await asyncio.wait_for(process.wait(), END_LIMIT)
        except asyncio.TimeoutError:
            process.kill()
            await process.wait()
            raise AssertionError(f"the gateway did not end in {END_LIMIT} s\n{self.log()}") from None
        if self._output is not None:
            await self._output
        return code

    async def _listening_port(self) -> int:
        async for line in self._process.stdout:
            if found := re.search(rb" serves http://[^ ]*:(\d+)/", line):
                return int(found[1])
        raise AssertionError(f"the gateway ended before it listened\n{self.log()}")

    def _configuration(self) -> str:
        kinds = "".join(
            f"""
            [[workers.commands]]
            name = "{kind}"
            program = "{sys.executable}"
            arguments = ["-I", "-S", "-c", '''{SCRIPT_OF_A_REHEARSED_JOB}''', "{self.rehearsal.port}", "{{job.id}}"]
            progress = "{progress}"
            """ for kind, progress in (("rehearsed", "percent"), ("rehearsed-json", "json")))
        return f"""
            [broker]
            url = "{self.redis.url if self.redis else 'embedded'}"
            lease = "5s"
            reap_interval = "1s"

            [admission]
            leeway = "0s"
            requests = {self.requests}

            [[admission.keys]]
            id = "{self.key.name}"
            algorithm = "HS256"
            secret = "{self.key.secret}"

            [workers]
            embedded = {self.workers}
            queues = {json.dumps(self.queues)}

            [workers.ffmpeg]
            enabled = false
            {kinds}
            """
