"""Somebody at the other end: the official SDK, and what it tells of its connection."""

from typing import Any, Awaitable, Callable

from centrifuge import (
    Client, ClientEventHandler, ConnectedContext, ConnectingContext, DisconnectedContext, ErrorContext,
    ServerPublicationContext, ServerSubscribedContext, ServerUnsubscribedContext, Subscription,
)

from .happenings import Happenings
from .watcher import Watcher


class User(Happenings, ClientEventHandler):
    """A client of the SDK with nothing of it replaced; `async with` connects and disconnects it."""

    def __init__(
        self, socket_url: str, *, token: str = "", get_token: Callable[[], Awaitable[str]] | None = None
    ) -> None:
        super().__init__()
        self.client = Client(
            socket_url, events=self, token=token, get_token=get_token, proxy=None,
            # A gateway that is started again is found soon.
            max_reconnect_delay=0.5)
        self.connected: list[ConnectedContext] = []
        self.connecting: list[ConnectingContext] = []
        self.disconnected: list[DisconnectedContext] = []
        self.errors: list[ErrorContext] = []
        self.abandoned: list[str] = []
        self.watchers: dict[str, Watcher] = {}

    async def __aenter__(self) -> "User":
        await self.client.connect()
        await self.client.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.disconnect()

    async def call(self, method: str, data: Any) -> dict[str, Any]:
        return (await self.client.rpc(method, data)).data

    async def submit(self, kind: str = "rehearsed", **request: Any) -> dict[str, Any]:
        """The job as it was accepted."""
        return (await self.call("job.submit", {"kind": kind, **request}))["job"]

    async def watch(self, job: str, **options: Any) -> tuple[Watcher, Subscription]:
        """A subscription that stands."""
        watcher = Watcher()
        subscription = self.client.new_subscription(f"job:{job}", events=watcher, **options)
        await subscription.subscribe()
        await subscription.ready()
        await watcher.when(lambda: bool(watcher.subscribed))
        return watcher, subscription

    async def everything_is_told(self, job: str) -> dict[str, Any]:
        """The record of the job; what was pushed before the answer has been taken in by then."""
        return (await self.call("job.get", {"id": job}))["job"]

    def watcher_of(self, job: str) -> Watcher:
        """Of a channel that the gateway subscribed this connection to."""
        return self.watchers.setdefault(f"job:{job}", Watcher())

    async def on_connected(self, ctx: ConnectedContext) -> None:
        await self.note(self.connected, ctx)

    async def on_connecting(self, ctx: ConnectingContext) -> None:
        await self.note(self.connecting, ctx)

    async def on_disconnected(self, ctx: DisconnectedContext) -> None:
        await self.note(self.disconnected, ctx)

    async def on_error(self, ctx: ErrorContext) -> None:
        await self.note(self.errors, ctx)

    async def on_subscribed(self, ctx: ServerSubscribedContext) -> None:
        await self.watchers.setdefault(ctx.channel, Watcher()).on_subscribed(ctx)

    async def on_publication(self, ctx: ServerPublicationContext) -> None:
        await self.watchers[ctx.channel].on_publication(ctx)

    async def on_unsubscribed(self, ctx: ServerUnsubscribedContext) -> None:
        await self.note(self.abandoned, ctx.channel)
