"""The official SDK watches jobs, its own and those that somebody shares with it."""

from centrifuge import ReplyError, StreamPosition, SubscriptionUnsubscribedError

from support.line import Line
from support.sdk import SDKTest
from support.user import User
from support.watcher import Watcher


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
