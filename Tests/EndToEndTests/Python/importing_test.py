"""Jobs that the real packages `rq` and `bullmq` put into their queues are moved, and run here."""

import contextlib
import datetime
import os
import tempfile
import unittest
from pathlib import Path

import redis
from bullmq import Queue as BullQueue
from bullmq import Worker as BullWorker
from redis.asyncio import Redis as AsyncRedis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from support.gateway import Gateway
from support.importing import Import
from support.redis import Redis
from support.rehearsal import Rehearsal
from support.user import User


class Evil:
    """Whose pickle has whoever loads it run a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{self.path}'",)


class ImportTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.stack = contextlib.AsyncExitStack()
        self.addAsyncCleanup(self.stack.aclose)
        self.redis = await self.stack.enter_async_context(Redis())
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="fanfare-import-")))
        self.source = f"{self.redis.url}/1"
        self.there = self.stack.enter_context(contextlib.closing(redis.Redis.from_url(self.source)))
        self.imports = Import(self.folder, self.source, self.redis.url)
        self.rehearsal = await self.stack.enter_async_context(Rehearsal())

    async def works(self) -> User:
        """A gateway begins to work, one job at a time; whose the jobs are looks on."""
        gateway = await self.stack.enter_async_context(
            Gateway(self.rehearsal, workers=1, redis=self.redis, queues=["render", "mail", "default"]))
        return await self.stack.enter_async_context(User(gateway.socket_url, token=gateway.key.token("alice")))

    async def run_in_order(self, jobs: list[str]) -> None:
        """These run, one after the other."""
        for job in jobs:
            run = await self.rehearsal.next()
            self.assertEqual(run.job, job)
            await run.end()

    def everything_there(self) -> dict[bytes, bytes]:
        return {key: self.there.dump(key) for key in self.there.keys("*")}


class FromRQ(ImportTest):
    def queue(self, name: str = "render", **options) -> Queue:
        return Queue(name, connection=self.there, **options)

    async def test_jobs_run_here_in_their_order(self) -> None:
        queue = self.queue()
        first = queue.enqueue("app.tasks.rehearsed", 1, deep=[{"a": None}])
        second = queue.enqueue("app.tasks.rehearsed", datetime.date(2026, 11, 22))
        urgent = queue.enqueue("app.tasks.rehearsed", at_front=True)
        child = queue.enqueue("app.tasks.rehearsed", depends_on=second)
        grandchild = queue.enqueue("app.tasks.rehearsed", depends_on=child)
        later = queue.enqueue_in(datetime.timedelta(hours=1), "app.tasks.rehearsed", "later")
        plain = self.queue("mail", serializer=JSONSerializer).enqueue("app.tasks.rehearsed", 1, x=2)
        before = self.everything_there()

        looked = await self.imports.run("rq", "--user", "alice")
        self.assertEqual(looked.code, 0)
        self.assertTrue(looked.report["dry_run"])
        self.assertEqual(self.everything_there(), before, "a look changes nothing")

        moved = await self.imports.run("rq", "--user", "alice", "--move")
        self.assertEqual(moved.code, 0, moved.lines)
        self.assertEqual(moved.moved, looked.moved, "the look told what was done")
        counts = {queue["name"]: queue["moved"] for queue in moved.report["queues"]}
        self.assertEqual(counts, {"mail": {"waiting": 1}, "render": {"waiting": 3, "scheduled": 1, "deferred": 2}})
        self.assertEqual(len(queue), 0)
        for job in (first, second, urgent, child, grandchild, later, plain):
            self.assertFalse(Job.exists(job.id, connection=self.there))
            here = moved.moved[job.id]
            self.assertEqual(here, f"{job.id[:14]}8000{job.id[18:]}", "the id is the same but for its third group")
        self.assertEqual([key for key in self.there.keys("rq:*") if key != b"rq:queues"], [])

        again = await self.imports.run("rq", "--user", "alice", "--move")
        self.assertEqual((again.code, again.moved), (0, {}))

        alice = await self.works()
        scheduled = await alice.everything_is_told(moved.moved[later.id])
        self.assertEqual(scheduled["state"], "scheduled")
        told = await alice.everything_is_told(moved.moved[first.id])
        self.assertEqual(told["payload"], {"args": [1], "kwargs": {"deep": [{"a": None}]}})
        await self.run_in_order(
            [moved.moved[job.id] for job in (urgent, first, second, child, grandchild, plain)])
        self.assertEqual(
            (await alice.everything_is_told(moved.moved[second.id]))["payload"], {"args": ["2026-11-22"], "kwargs": {}})
        self.assertEqual(
            (await alice.everything_is_told(moved.moved[plain.id]))["payload"], {"args": [1], "kwargs": {"x": 2}})

    async def test_a_pickle_that_would_run_something_is_left_and_not_run(self) -> None:
        queue = self.queue()
        mark = self.folder / "evil"
        evil = queue.enqueue("app.tasks.rehearsed", Evil(mark))
        good = queue.enqueue("app.tasks.rehearsed")
        said = await self.imports.run("rq", "render", "--move")
        self.assertEqual(said.code, 1)
        self.assertEqual(said.left, {evil.id: "its arguments hold an object of type posix.system"})
        self.assertEqual(set(said.moved), {good.id})
        self.assertFalse(mark.exists())
        self.assertEqual(queue.job_ids, [evil.id], "it stays where it was")

    async def test_cut_off_and_run_again_it_doubles_nothing(self) -> None:
        queue = self.queue()
        jobs = [queue.enqueue("app.tasks.rehearsed", number).id for number in range(300)]
        told = await self.imports.cut_off(40, "rq", "render", "--move", "--user", "alice")
        self.assertGreaterEqual(told, 40)
        self.assertLess(told, 300, "it was cut off before its end")
        again = await self.imports.run("rq", "render", "--move", "--user", "alice")
        self.assertEqual(again.code, 0)
        self.assertEqual(len(queue), 0)
        alice = await self.works()
        here, cursor = [], None
        while True:
            page = await alice.call("job.list", {"limit": 200, **({"cursor": cursor} if cursor else {})})
            here += [job["id"] for job in page["jobs"]]
            cursor = page.get("cursor")
            if not cursor:
                break
        self.assertEqual(here[::-1], [f"{job[:14]}8000{job[18:]}" for job in jobs], "each once, in their order")

    async def test_what_runs_there_stays_and_is_told(self) -> None:
        queue = self.queue()
        queue.enqueue("app.tasks.rehearsed", 1)
        queue.enqueue("app.tasks.rehearsed", 2)
        self.assertIsNotNone(Queue.dequeue_any([queue], None, connection=self.there), "as a worker takes one")
        said = await self.imports.run("rq", "render", "--move")
        self.assertEqual(said.code, 1)
        self.assertEqual(said.report["queues"][0]["others"], {"running": 1})
        self.assertEqual(said.report["queues"][0]["moved"], {"waiting": 1})

    async def test_arguments_get_names_and_jobs_an_owner(self) -> None:
        job = self.queue().enqueue("app.tasks.render", "alice", 3, fast=True)
        said = await self.imports.run(
            "rq", "--move", "--map", "app.tasks.render(who,length)=rehearsed", "--user-from", "/who", "--priority", "8")
        self.assertEqual(said.code, 0)
        alice = await self.works()
        run = await self.rehearsal.next()
        record = await alice.everything_is_told(said.moved[job.id])
        self.assertEqual(
            (record["kind"], record["user"], record["priority"], record["payload"]),
            ("rehearsed", "alice", 8, {"who": "alice", "length": 3, "fast": True}))
        await run.end()

    async def test_failed_jobs_are_moved_when_asked_for(self) -> None:
        queue = self.queue()
        job = queue.enqueue("app.tasks.rehearsed")
        self.there.lrem(queue.key, 1, job.id)
        job.set_status("failed")
        queue.failed_job_registry.add(job)
        self.assertEqual((await self.imports.run("rq", "--move")).moved, {})
        said = await self.imports.run("rq", "--move", "--failed")
        self.assertEqual((said.code, set(said.moved)), (0, {job.id}))
        self.assertEqual(len(queue.failed_job_registry), 0)


def name(job: object) -> str:
    """A job's id; the package gives it as the connection does, which may be bytes."""
    return job.id.decode() if isinstance(job.id, bytes) else job.id


class FromBull(ImportTest):
    async def queue(self, name: str) -> BullQueue:
        queue = BullQueue(name, {"connection": AsyncRedis.from_url(self.source)})
        self.stack.push_async_callback(queue.close)
        return queue

    async def test_jobs_run_here_in_their_order(self) -> None:
        queue = await self.queue("mail")
        add = queue.add
        plain = await add("rehearsed", {"n": 1}, {})
        fifth = await add("rehearsed", {"n": 2}, {"priority": 7, "attempts": 3})
        first = await add("rehearsed", {"n": 3}, {"priority": 1})
        sixth = await add("rehearsed", {"n": 4}, {"priority": 7, "jobId": "mine"})
        last = await add("rehearsed", {"n": 5}, {"lifo": True})
        later = await add("rehearsed", {"n": 6}, {"delay": 3_600_000})
        paused = await self.queue("render")
        await paused.pause()
        waiting = await paused.add("__default__", {"n": 7}, {})
        before = self.everything_there()

        looked = await self.imports.run("bull", "--user", "alice", "--map", "render=rehearsed")
        self.assertEqual(looked.code, 0)
        self.assertEqual(self.everything_there(), before, "a look changes nothing")
        moved = await self.imports.run("bull", "--user", "alice", "--move", "--map", "render=rehearsed")
        self.assertEqual(moved.code, 0, moved.lines)
        counts = await queue.getJobCounts("waiting", "prioritized", "delayed")
        self.assertEqual(sum(counts.values()), 0, counts)
        self.assertEqual(
            [key for key in self.there.keys("bull:*") if key.rsplit(b":", 1)[-1] in (b"1", b"2", b"3", b"4", b"5", b"mine")],
            [])
        again = await self.imports.run("bull", "--user", "alice", "--move", "--map", "render=rehearsed")
        self.assertEqual((again.code, again.moved), (0, {}))

        # Jobs of both queues have ids from 1 on: only those of this one are asked for.
        here = {line["id"]: line["job"] for line in moved.lines[:-1] if line["queue"] == "mail"}
        other = {line["id"]: line["job"] for line in moved.lines[:-1] if line["queue"] == "render"}
        alice = await self.works()
        record = await alice.everything_is_told(here[name(later)])
        self.assertEqual((record["state"], record["payload"]), ("scheduled", {"n": 6}))
        record = await alice.everything_is_told(here[name(fifth)])
        self.assertEqual((record["priority"], record["max_attempts"]), (4, 3))
        # One that was paused there waits in a queue of ours that is not.
        await self.run_in_order([other[name(waiting)]] + [here[name(job)] for job in (first, last, plain, fifth, sixth)])

    async def test_what_runs_there_stays_and_is_told(self) -> None:
        queue = await self.queue("mail")
        await queue.add("rehearsed", {}, {})
        await queue.add("rehearsed", {}, {})
        worker = BullWorker("mail", None, {"connection": AsyncRedis.from_url(self.source), "autorun": False})
        try:
            taken = await worker.getNextJob("token")
            said = await self.imports.run("bull", "mail", "--move")
            self.assertEqual(said.code, 1)
            self.assertEqual(said.report["queues"][0]["others"], {"running": 1})
            self.assertEqual(len(said.moved), 1)
            self.assertNotIn(name(taken), said.moved)
        finally:
            await worker.close(force=True)

    async def test_cut_off_and_run_again_it_doubles_nothing(self) -> None:
        queue = await self.queue("mail")
        await queue.addBulk([{"name": "rehearsed", "data": {"n": number}, "opts": {}} for number in range(300)])
        told = await self.imports.cut_off(40, "bull", "mail", "--move", "--user", "alice")
        self.assertTrue(40 <= told < 300, told)
        self.assertEqual((await self.imports.run("bull", "mail", "--move", "--user", "alice")).code, 0)
        alice = await self.works()
        first = await alice.call("job.list", {"limit": 200})
        rest = await alice.call("job.list", {"limit": 200, "cursor": first["cursor"]})
        self.assertEqual(len(first["jobs"] + rest["jobs"]), 300)

    async def test_the_layout_of_bull_3_and_4_is_read(self) -> None:
        """As Bull 4 leaves it: urgent jobs stand in the one list, in their order; `priority` is an index of them."""
        for number, priority in (("1", 0), ("2", 3), ("3", 9)):
            self.there.hset(f"bull:mail:{number}", mapping={
                "name": "__default__", "data": f'{{"n":{number}}}', "timestamp": "1795353282496", "delay": "0",
                "priority": str(priority), "opts": f'{{"priority":{priority},"attempts":1}}' if priority else "{}"})
        self.there.rpush("bull:mail:paused", "3", "2", "1")
        self.there.zadd("bull:mail:priority", {"2": 3, "3": 9})
        self.there.set("bull:mail:meta-paused", 1)
        self.there.set("bull:mail:id", 3)
        said = await self.imports.run("bull", "--move", "--map", "mail=rehearsed", "--user", "alice")
        self.assertEqual(said.code, 0, said.lines)
        self.assertEqual(list(said.moved), ["1", "2", "3"])
        self.assertEqual(
            sorted(self.there.keys("*")), [b"bull:mail:id", b"bull:mail:meta-paused"])
        alice = await self.works()
        levels = [(await alice.everything_is_told(job))["priority"] for job in said.moved.values()]
        self.assertEqual(levels, [5, 8, 2])
