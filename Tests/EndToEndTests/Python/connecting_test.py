"""The official SDK comes, asks and is refused."""

from centrifuge import ReplyError

from support.sdk import SDKTest
from support.user import User


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
