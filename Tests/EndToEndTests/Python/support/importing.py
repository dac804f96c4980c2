"""`fanfare import` as an operator runs it, and what it says."""

import asyncio
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

LIMIT = 60


@dataclass
class Said:
    code: int
    lines: list[dict]

    @property
    def report(self) -> dict:
        return self.lines[-1]

    @property
    def moved(self) -> dict[str, str]:
        """The id there, and the id here."""
        return {line["id"]: line["job"] for line in self.lines[:-1] if "job" in line}

    @property
    def left(self) -> dict[str, str]:
        return {line["id"]: line["reason"] for line in self.lines[:-1] if "reason" in line}


class Import:
    """Runs the command with a folder of its own; `source` is the other system's Redis, `target` ours."""

    def __init__(self, folder: Path, source: str, target: str) -> None:
        self.folder = folder
        self.source = source
        self.target = target

    async def run(self, *words: str) -> Said:
        process = await self._start(*words)
        output, _ = await asyncio.wait_for(process.communicate(), LIMIT)
        return Said(process.returncode, [json.loads(line) for line in output.splitlines()])

    async def cut_off(self, after: int, *words: str) -> int:
        """Kills it when it has told of so many jobs; answers with how many it told of in all."""
        process = await self._start(*words)
        told = 0
        async for _ in process.stdout:
            told += 1
            if told == after:
                process.send_signal(signal.SIGKILL)
        await process.wait()
        return told

    async def _start(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            os.environ["FANFARE"], "import", *words, "--from", self.source, "--broker", self.target,
            "--folder", str(self.folder), "--json", "--verbose", cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE)
