"""The official SDK goes on where it was: behind a cut line, a killed gateway, a Redis that is gone."""

import contextlib

from support.gateway import Gateway
from support.line import Line
from support.redis import Redis
from support.rehearsal import Rehearsal
from support.sdk import SDKTest


class Recovering(SDKTest):
    async def test_a_cut_line_loses_nothing(self) -> None:
        async with Line(self.gateway.port) as line:
            alice, witness = await self.user(url=line.socket_url), await self.user()
            job = await alice.submit()
            watcher, _ = await alice.watch(job["id"])
            witnessed, _ = await witness.watch(job["id"])
            run = await self.rehearsal.next()
            await run.say("20%")
            await watcher.reaches(20)

            line.cut()
            await alice.when(lambda: len(alice.connecting) == 2)
            for percent in (40, 60):
                await run.say(f"{percent}%")
                await witnessed.reaches(percent)
            self.assertEqual(watcher.job["percent"], 20)
            line.mend()

            await watcher.reaches(60)
            [_, recovery] = watcher.subscribed
            self.assertTrue(recovery.was_recovering)
            self.assertTrue(recovery.recovered)
            await run.say("80%")
            await watcher.reaches(80)
            await run.end()
            await watcher.ended()
            record = await alice.everything_is_told(job["id"])
            self.assert_ordered(watcher)
            self.assert_whole(watcher, record)
            self.assertEqual(len(watcher.subscribed), 2)

    async def test_an_end_that_came_while_it_was_away_is_told_once(self) -> None:
        async with Line(self.gateway.port) as line:
            alice, witness = await self.user(url=line.socket_url), await self.user()
            job = await alice.submit()
            watcher, _ = await alice.watch(job["id"])
            witnessed, _ = await witness.watch(job["id"])
            run = await self.rehearsal.next()
            await run.say("20%")
            await watcher.reaches(20)
            line.cut()
            await alice.when(lambda: len(alice.connecting) == 2)
            await run.end()
            await witnessed.ended()
            self.assertEqual(watcher.ends, [])
            line.mend()
            await watcher.ended()
            self.assertTrue(watcher.subscribed[1].recovered)

            # Once more: whoever has the end is up to date, and is not told again.
            line.cut()
            await alice.when(lambda: len(alice.connecting) == 3)
            line.mend()
            await watcher.when(lambda: len(watcher.subscribed) == 3)
            self.assertTrue(watcher.subscribed[2].recovered)
            record = await alice.everything_is_told(job["id"])
            self.assert_ordered(watcher)
            self.assert_whole(watcher, record)

    async def test_what_the_submit_subscribed_outlives_the_connection(self) -> None:
        async with Line(self.gateway.port) as line:
            alice = await self.user(url=line.socket_url)
            job = await alice.submit(watch=True)
            watcher = alice.watcher_of(job["id"])
            run = await self.rehearsal.next()
            await run.say("20%")
            await watcher.reaches(20)
            line.cut()
            await alice.when(lambda: len(alice.connecting) == 2)
            line.mend()
            await watcher.when(lambda: len(watcher.subscribed) == 2)
            self.assertTrue(watcher.subscribed[1].recovered)
            await run.say("80%")
            await watcher.reaches(80)
            await run.end()
            await watcher.ended()
            record = await alice.everything_is_told(job["id"])
            self.assert_ordered(watcher)
            self.assert_whole(watcher, record)
            self.assertEqual(alice.abandoned, [])


class Fleet(SDKTest):
    """Two gateways over one Redis, of which anything may be killed."""

    async def asyncSetUp(self) -> None:
        self.stack = contextlib.AsyncExitStack()
        self.addAsyncCleanup(self.stack.aclose)
        self.rehearsal = await self.stack.enter_async_context(Rehearsal())
        self.redis = await self.stack.enter_async_context(Redis())
        # The workers are the second's, so that jobs outlive the first.
        self.first, self.gateway = [
            await self.stack.enter_async_context(Gateway(self.rehearsal, workers=workers, redis=self.redis))
            for workers in (0, 4)]

    async def test_a_kill_of_a_gateway_and_of_redis_loses_nothing(self) -> None:
        line = await self.stack.enter_async_context(Line(self.first.port))
        alice, witness = await self.user(url=line.socket_url), await self.user()
        jobs = [(await alice.submit())["id"] for _ in range(4)]
        watchers = {job: [(await user.watch(job))[0] for user in (alice, witness)] for job in jobs}
        runs = {}
        for _ in jobs:
            run = await self.rehearsal.next()
            runs[run.job] = run
        self.assertEqual(set(runs), set(jobs))

        async def everywhere(percent: int) -> None:
            for job, run in runs.items():
                await run.say(f"{percent}%")
                for watcher in watchers[job]:
                    await watcher.reaches(percent)

        await everywhere(10)

        # The gateway that alice is connected to is gone; the balancer leads to the other.
        line.lead_to(self.gateway.port)
        await self.first.kill()
        for job, run in runs.items():
            await run.say("20%")
            await watchers[job][1].reaches(20)
        for job in jobs:
            mine = watchers[job][0]
            await mine.when(lambda: len(mine.subscribed) == 2)
            self.assertTrue(mine.subscribed[1].recovered)
            await mine.reaches(20)
        await everywhere(30)

        # Redis is gone, and comes back. Two jobs end meanwhile.
        ending, going_on = jobs[:2], jobs[2:]
        await self.redis.kill()
        for job in jobs:
            for watcher in watchers[job]:
                await watcher.when(lambda: watcher.deliveries[-1:] == [False])
        for job in ending:
            await runs[job].end()
        await self.redis.start()
        for job in ending:
            for watcher in watchers[job]:
                self.assertEqual((await watcher.ended())["state"], "completed")
        for job in going_on:
            for watcher in watchers[job]:
                await watcher.when(lambda: watcher.deliveries[-1:] == [True])
            await runs[job].say("80%")
            for watcher in watchers[job]:
                await watcher.reaches(80)
            await runs[job].end()
        for job in jobs:
            for watcher in watchers[job]:
                await watcher.ended()
            record = await witness.everything_is_told(job)
            await alice.everything_is_told(job)
            for watcher in watchers[job]:
                self.assert_ordered(watcher)
                self.assert_whole(watcher, record)
                self.assertEqual(watcher.unsubscribed, [])
        self.assertEqual((alice.disconnected, witness.disconnected), ([], []))
        self.assertEqual((len(alice.connected), len(witness.connected)), (2, 1))


class Restarting(SDKTest):
    workers = 1

    async def test_a_killed_gateway_loses_no_job_and_no_watcher(self) -> None:
        alice = await self.user()
        job, *waiting = [await alice.submit() for _ in range(4)]
        watcher, _ = await alice.watch(job["id"])
        run = await self.rehearsal.next()
        self.assertEqual(run.job, job["id"])
        await run.say("30%")
        await watcher.reaches(30)

        await self.gateway.restart()
        await run.lost()
        again = await self.rehearsal.next()
        self.assertEqual(again.job, job["id"])
        await watcher.when(lambda: len(watcher.subscribed) == 2)
        self.assertTrue(watcher.subscribed[1].recovered)
        await again.say("60%")
        await watcher.reaches(60)
        await again.end()
        ended = await watcher.ended()
        self.assertEqual((ended["state"], ended["percent"]), ("completed", 100))
        record = await alice.everything_is_told(job["id"])
        self.assert_ordered(watcher)
        self.assert_whole(watcher, record)

        # What was acknowledged and had not begun is there too, in its order.
        for other in waiting:
            watcher, _ = await alice.watch(other["id"])
            run = await self.rehearsal.next()
            self.assertEqual(run.job, other["id"])
            await run.end()
            self.assertEqual((await watcher.ended())["state"], "completed")
