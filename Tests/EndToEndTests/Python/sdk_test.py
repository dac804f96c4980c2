"""The official Python SDK against a gateway: as it comes from PyPI, over a real socket, to a real process.

Run by scripts/test; FANFARE names the executable. No test sleeps: each waits for what it was told.
"""

import contextlib
import unittest

from centrifuge import ReplyError, StreamPosition, SubscriptionUnsubscribedError

from support.gateway import Gateway
from support.line import Line
from support.redis import Redis
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


class Connecting(SDKTest):
    async def test_connects_with_a_token(self) -> None:
        alice = await self.user()
        [connected] = alice.connected
        self.assertTrue(connected.client)
        self.assertTrue(connected.version.startswith("Fanfare "))
        self.assertEqual(connected.data["user"], "alice")
        self.assertEqual(
            connected.data["limits"], {"limit": 1000, "window": 60, "remaining": 1000, "reset": 0})

    async def test_refreshes_its_token_and_stays_the_same_client(self) -> None:
        tokens = []

        async def get_token() -> str:
            await user.note(tokens, self.gateway.key.token(lifetime=2))
            return tokens[-1]

        user = User(self.gateway.socket_url, get_token=get_token)
        await self.stack.enter_async_context(user)
        await user.when(lambda: len(tokens) >= 4)
        # By the third refresh the first token is long over, and would have ended the connection.
        self.assertEqual((await user.call("job.list", {}))["jobs"], [])
        self.assertEqual(len(user.connected), 1)
        self.assertEqual(user.client.client_id, user.connected[0].client)
        self.assertEqual((user.disconnected, user.errors), ([], []))

    async def test_an_expired_token_makes_it_ask_for_a_new_one(self) -> None:
        asked = []

        async def get_token() -> str:
            asked.append(True)
            return self.gateway.key.token()

        user = User(
            self.gateway.socket_url, token=self.gateway.key.token(lifetime=-60), get_token=get_token)
        await self.stack.enter_async_context(user)
        self.assertEqual(len(asked), 1)
        self.assertEqual([error.error.code for error in user.errors], [109])
        self.assertEqual(user.connected[0].data["user"], "alice")

    async def test_a_token_of_another_key_is_refused_for_good(self) -> None:
        header, body, _ = self.gateway.key.token().split(".")
        user = User(self.gateway.socket_url, token=f"{header}.{body}.{'A' * 43}")
        self.stack.push_async_callback(user.client.disconnect)
        await user.client.connect()
        await user.when(lambda: bool(user.disconnected))
        self.assertEqual(user.disconnected[0].code, 3500)

    async def test_a_gateway_that_ends_asks_it_to_come_back(self) -> None:
        alice = await self.user()
        code = await self.gateway.end()
        self.assertEqual(code, 0)
        await alice.when(lambda: len(alice.connecting) == 2)
        self.assertEqual(alice.connecting[1].code, 3001)
        await self.gateway.start()
        await alice.when(lambda: len(alice.connected) == 2)
        self.assertEqual(alice.disconnected, [])


class Watching(SDKTest):
    async def test_submits_and_watches_to_the_end(self) -> None:
        alice = await self.user()
        job = await alice.submit(payload={"clip": "träumerei.mov"})
        self.assertEqual(job["state"], "queued")
        watcher, _ = await alice.watch(job["id"])
        run = await self.rehearsal.next()
        self.assertEqual(run.job, job["id"])
        for percent in (1, 41, 99):
            await run.say(f"encoding {percent}%")
            await watcher.reaches(percent)
        await run.end()
        ended = await watcher.ended()
        self.assertEqual((ended["state"], ended["percent"]), ("completed", 100))
        record = await alice.everything_is_told(job["id"])
        self.assert_ordered(watcher)
        self.assert_whole(watcher, record)
        self.assertEqual(watcher.runs, {1: [1, 41, 99, 100]})
        self.assertEqual(record["payload"], {"clip": "träumerei.mov"})

    async def test_is_subscribed_by_the_submit_itself(self) -> None:
        alice = await self.user()
        job = await alice.submit("rehearsed-json", watch=True)
        watcher = alice.watcher_of(job["id"])
        await watcher.when(lambda: bool(watcher.subscribed))
        run = await self.rehearsal.next()
        await run.say('{"percent": 41.2, "stage": "separating", "message": "drums"}')
        await watcher.reaches(41.2)
        self.assertEqual((watcher.job["stage"], watcher.job["message"]), ("separating", "drums"))
        await run.say('{"result": {"stems": ["drums", "voice"]}}')
        await run.end()
        ended = await watcher.ended()
        self.assertEqual(ended["result"], {"stems": ["drums", "voice"]})
        record = await alice.everything_is_told(job["id"])
        self.assert_ordered(watcher)
        self.assert_whole(watcher, record)

    async def test_a_failure_is_told_with_its_reason(self) -> None:
        alice = await self.user()
        job = await alice.submit(max_attempts=1)
        watcher, _ = await alice.watch(job["id"])
        run = await self.rehearsal.next()
        await run.end(3)
        ended = await watcher.ended()
        self.assertEqual(ended["state"], "failed")
        self.assertEqual(ended["error"]["code"], "exit_status")
        self.assert_ordered(watcher)

    async def test_a_running_job_is_cancelled(self) -> None:
        alice = await self.user()
        job = await alice.submit()
        watcher, _ = await alice.watch(job["id"])
        run = await self.rehearsal.next()
        await run.say("10%")
        await watcher.reaches(10)
        await alice.call("job.cancel", {"id": job["id"], "reason": "changed my mind"})
        await run.lost()
        ended = await watcher.ended()
        self.assertEqual(ended["state"], "cancelled")
        await alice.everything_is_told(job["id"])
        self.assert_ordered(watcher)

    async def test_a_finished_job_gives_its_end(self) -> None:
        alice = await self.user()
        job = await alice.submit("rehearsed-json")
        run = await self.rehearsal.next()
        early, _ = await alice.watch(job["id"])
        await run.say('{"result": 42}')
        await run.end()
        await early.ended()
        late = await self.user()
        watcher, _ = await late.watch(job["id"])
        self.assertEqual(watcher.subscribed[0].data["state"], "completed")
        ended = await watcher.ended()
        self.assertEqual((ended["state"], ended["result"]), ("completed", 42))
        self.assert_ordered(watcher)

    async def test_unsubscribes_and_subscribes_again(self) -> None:
        alice = await self.user()
        witness = await self.user()
        job = await alice.submit()
        watcher, subscription = await alice.watch(job["id"])
        witnessed, _ = await witness.watch(job["id"])
        run = await self.rehearsal.next()
        await run.say("10%")
        await watcher.reaches(10)
        await subscription.unsubscribe()
        await run.say("50%")
        await witnessed.reaches(50)
        await alice.everything_is_told(job["id"])
        self.assertEqual(watcher.job["percent"], 10)
        self.assertEqual(len(watcher.unsubscribed), 1)
        await subscription.subscribe()
        await watcher.reaches(50)
        self.assertTrue(watcher.subscribed[1].was_recovering)
        self.assertTrue(watcher.subscribed[1].recovered)
        await run.end()
        await watcher.ended()
        record = await alice.everything_is_told(job["id"])
        self.assert_ordered(watcher)
        self.assert_whole(watcher, record)

    async def test_a_job_of_somebody_else_is_unknown(self) -> None:
        alice, bob = await self.user("alice"), await self.user("bob")
        job = await alice.submit()
        watcher = Watcher()
        subscription = bob.client.new_subscription(f"job:{job['id']}", events=watcher)
        await subscription.subscribe()
        await watcher.when(lambda: bool(watcher.unsubscribed))
        self.assertEqual(watcher.unsubscribed[0].code, 102)
        with self.assertRaises(SubscriptionUnsubscribedError):
            await subscription.ready()
        await (await self.rehearsal.next()).end()


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


class Sharing(SDKTest):
    async def test_a_subscription_token_is_refreshed_and_the_job_watched_to_its_end(self) -> None:
        alice, bob = await self.user("alice"), await self.user("bob")
        job = await alice.submit()
        asked = []

        async def get_token(channel: str) -> str:
            await bob.note(asked, channel)
            return self.gateway.key.token("bob", lifetime=2, channel=channel)

        watcher, _ = await bob.watch(job["id"], get_token=get_token)
        run = await self.rehearsal.next()
        await run.say("20%")
        await watcher.reaches(20)
        # By then the first token is long over, and would have ended the subscription.
        await bob.when(lambda: len(asked) >= 4)
        await run.say("80%")
        await watcher.reaches(80)
        await run.end()
        await watcher.ended()
        self.assert_ordered(watcher)
        self.assertEqual(set(asked), {f"job:{job['id']}"})
        self.assertEqual((len(watcher.subscribed), watcher.unsubscribed), (1, []))

    async def test_the_token_of_the_connection_names_what_it_watches(self) -> None:
        alice = await self.user()
        job = await alice.submit()
        async with Line(self.gateway.port) as line:
            token = self.gateway.key.token(channels=[f"job:{job['id']}"])
            other = await self.stack.enter_async_context(User(line.socket_url, token=token))
            watcher = other.watcher_of(job["id"])
            await watcher.when(lambda: bool(watcher.subscribed))
            run = await self.rehearsal.next()
            await run.say("20%")
            await watcher.reaches(20)
            line.cut()
            await other.when(lambda: len(other.connecting) == 2)
            line.mend()
            await watcher.when(lambda: len(watcher.subscribed) == 2)
            self.assertTrue(watcher.subscribed[1].recovered)
            await run.end()
            await watcher.ended()
            self.assert_ordered(watcher)

    async def test_history_and_presence_are_told(self) -> None:
        alice, other = await self.user(), await self.user()
        job = await alice.submit()
        channel = f"job:{job['id']}"
        watcher, subscription = await alice.watch(job["id"])
        run = await self.rehearsal.next()
        await run.say("20%")
        await watcher.reaches(20)
        top = await subscription.history()
        self.assertEqual((top.publications, top.offset), ([], watcher.offsets[-1]))
        # Another connection of the owner looks without watching.
        newest = await other.client.history(channel, limit=-1, since=StreamPosition(1, top.epoch))
        self.assertEqual([publication.offset for publication in newest.publications], [top.offset])
        self.assertEqual(newest.publications[0].data["percent"], 20)
        with self.assertRaises(ReplyError) as refused:
            await other.client.history(channel, limit=1, since=StreamPosition(1, "00000000"))
        self.assertEqual(refused.exception.code, 112)
        stats = await other.client.presence_stats(channel)
        self.assertEqual((stats.num_clients, stats.num_users), (1, 1))
        present = await other.client.presence(channel)
        self.assertEqual([info.user for info in present.clients.values()], ["alice"])
        self.assertEqual(list(present.clients), [alice.client.client_id])
        await run.end()
        await watcher.ended()


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


class Refusals(SDKTest):
    async def refusal(self, user: User, method: str, data: object) -> ReplyError:
        with self.assertRaises(ReplyError) as refused:
            await user.call(method, data)
        return refused.exception

    async def test_errors_reach_the_caller_with_their_code(self) -> None:
        alice = await self.user()
        self.assertEqual((await self.refusal(alice, "job.fly", {})).code, 104)
        self.assertEqual((await self.refusal(alice, "job.get", {"id": "nonsense"})).code, 404)
        invalid = await self.refusal(alice, "job.submit", {"priority": 11})
        self.assertEqual(invalid.code, 400)
        # All that is wrong is told at once.
        self.assertIn("/priority", invalid.message)
        self.assertIn("/kind", invalid.message)
        self.assertEqual(len(alice.connected), 1)
        self.assertEqual(alice.disconnected, [])

    async def test_a_repeated_submit_is_one_job(self) -> None:
        alice = await self.user()
        first = await alice.submit(idempotency_key="once", payload={"n": 1})
        again = await alice.call(
            "job.submit", {"kind": "rehearsed", "idempotency_key": "once", "payload": {"n": 1}})
        self.assertEqual(again["job"]["id"], first["id"])
        self.assertIs(again["replayed"], True)
        other = await self.refusal(
            alice, "job.submit", {"kind": "rehearsed", "idempotency_key": "once", "payload": {"n": 2}})
        self.assertEqual(other.code, 422)
        await (await self.rehearsal.next()).end()


class Budget(SDKTest):
    requests = 10

    async def test_the_eleventh_request_is_refused_with_its_wait(self) -> None:
        alice, same, bob = await self.user(), await self.user(), await self.user("bob")
        for number in range(10):
            # Two connections of one user share one budget.
            await (alice if number % 2 else same).call("job.list", {})
        with self.assertRaises(ReplyError) as refused:
            await alice.call("job.list", {})
        self.assertEqual(refused.exception.code, 111)
        self.assertRegex(refused.exception.message, r"retry after ([1-9]|[1-5]\d|60) s")
        self.assertEqual((len(alice.connected), alice.disconnected), (1, []))
        self.assertEqual((await bob.call("job.list", {}))["jobs"], [])


if __name__ == "__main__":
    unittest.main()
