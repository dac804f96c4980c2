"""What the SDK told of one job, in its order."""

from typing import Any, Callable

from centrifuge import (
    PublicationContext, SubscribedContext, SubscribingContext, SubscriptionErrorContext, SubscriptionEventHandler,
    UnsubscribedContext,
)

from .happenings import Happenings

ENDS = {"completed", "failed", "cancelled"}


class Watcher(Happenings, SubscriptionEventHandler):
    """The handler of a subscription to a job. It keeps each event, and the job as events make it."""

    def __init__(self) -> None:
        super().__init__()
        self.job: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.offsets: list[int] = []
        self.deliveries: list[bool] = []
        self.subscribed: list[SubscribedContext] = []
        self.subscribing: list[SubscribingContext] = []
        self.unsubscribed: list[UnsubscribedContext] = []
        self.errors: list[SubscriptionErrorContext] = []

    @property
    def ends(self) -> list[dict[str, Any]]:
        """The events that tell an end; of a job watched to its end there is exactly one."""
        return [event for event in self.events if event.get("state") in ENDS]

    @property
    def runs(self) -> dict[int, list[float]]:
        """The percents that were told, by attempt."""
        told: dict[int, list[float]] = {}
        for event in self.events:
            if "percent" in event:
                told.setdefault(event["attempt"], []).append(event["percent"])
        return told

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The job as soon as it is so."""
        await self.when(lambda: condition(self.job))
        return self.job

    async def reaches(self, percent: float) -> dict[str, Any]:
        return await self.until(lambda job: job.get("percent", -1) >= percent)

    async def ended(self) -> dict[str, Any]:
        """The job after the event that tells its end."""
        await self.when(lambda: bool(self.ends))
        return self.job

    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        self.job.update(ctx.data or {})
        await self.note(self.subscribed, ctx)

    async def on_publication(self, ctx: PublicationContext) -> None:
        # Neither is a step of the job, and neither has a number.
        if ctx.pub.data["event"] == "delivery":
            return await self.note(self.deliveries, ctx.pub.data["delivering"])
        if ctx.pub.data["event"] == "position":
            return
        self.job.update(ctx.pub.data)
        self.offsets.append(ctx.pub.offset)
        await self.note(self.events, ctx.pub.data)

    async def on_subscribing(self, ctx: SubscribingContext) -> None:
        await self.note(self.subscribing, ctx)

    async def on_unsubscribed(self, ctx: UnsubscribedContext) -> None:
        await self.note(self.unsubscribed, ctx)

    async def on_error(self, ctx: SubscriptionErrorContext) -> None:
        await self.note(self.errors, ctx)
