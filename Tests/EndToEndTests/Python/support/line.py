"""The network between a client and the gateway, which a test can cut."""

import asyncio
import contextlib


class Line:
    """A relay on a port of its own. Cut, it drops what is connected and lets nobody in until it is mended."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._is_cut = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/connection/websocket"

    async def __aenter__(self) -> "Line":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Abruptly: no close frame, and what is under way is lost."""
        self._is_cut = True
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    def mend(self) -> None:
        self._is_cut = False

    def lead_to(self, port: int) -> None:
        """Whoever connects from now on reaches another gateway, as behind a balancer."""
        self._target = port

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            return writer.transport.abort()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except ConnectionError:
            # Nobody there: so it is for who called.
            return writer.transport.abort()
        if self._is_cut:
            far_writer.transport.abort()
            return writer.transport.abort()
        self._ends |= {writer, far_writer}
        await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    # Either end may go at any time; that is what this relay is for.
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()
