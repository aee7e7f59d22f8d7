"""The life of a session: creates it, joins it to the hub, serves its requests, and removes it."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from push_gateway.core import ClientMessage, SessionLimits, SessionMachine, TokenBucket
from push_gateway.core.client_frames import Read, Typing, Viewing
from push_gateway.core.close_codes import CloseCode
from push_gateway.core.frames import FrameEncoder
from push_gateway.delivery.hub import Hub, TooManySockets, UserChannel
from push_gateway.delivery.log_fetcher import LogFetcher
from push_gateway.delivery.presence import Presence
from push_gateway.delivery.read_marks import ReadMarks
from push_gateway.delivery.session import Client, Refusal, RenewedToken, Session, Transport
from push_gateway.delivery.shard_bindings import ShardBindings
from push_gateway.metrics import Metrics
from push_gateway.settings import Settings


class SessionLifecycle:
    """One instance per process; the `SessionContext` of all sessions.

    Args:
        settings: Limits of a session.
        metrics: Passed to every session.
        hub: Where sessions join.
        shards: Bound for as long as a channel needs them.
        log_fetcher: Reads the log.
        presence: Learns what devices do.
        read_marks: Gets what users have read.
        renew_token: Verifies a new token of a user (see `Admission.renew_token`).
        is_receiving: Returns whether events arrive from the broker now.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        metrics: Metrics,
        hub: Hub,
        shards: ShardBindings,
        log_fetcher: LogFetcher,
        presence: Presence,
        read_marks: ReadMarks,
        renew_token: Callable[[str, str], Awaitable[RenewedToken | Refusal]],
        is_receiving: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._hub = hub
        self._shards = shards
        self._log_fetcher = log_fetcher
        self._presence = presence
        self._read_marks = read_marks
        self._renew_token = renew_token
        self._is_receiving = is_receiving
        self._limits = SessionLimits(
            lagging_seconds=settings.gateway_lagging_seconds,
            drained_capacity_bytes=settings.gateway_write_budget_bytes * 3 // 4,
        )

    @property
    def is_receiving(self) -> bool:
        """See `SessionContext`."""
        return self._is_receiving()

    def request_log(self, user_id: str, after: int | None) -> None:
        """See `SessionContext`."""
        self._log_fetcher.request(user_id, after)

    def on_started(self, session: Session) -> None:
        """See `SessionContext`."""
        self._presence.join(session)

    def on_client_message(self, session: Session, message: ClientMessage) -> None:
        """See `SessionContext`."""
        match message.frame:
            case Typing(conversation_id=conversation_id):
                self._presence.typing(session, conversation_id)
            case Viewing(conversation_id=conversation_id):
                self._presence.viewing(session, conversation_id)
            case Read(conversation_id=conversation_id, up_to_seq=up_to_seq):
                self._read_marks.mark(session.client.user_id, conversation_id, up_to_seq)

    def create(self, transport: Transport, encoder: FrameEncoder, client: Client) -> Session:
        """Return a new session. It does nothing before `start`."""
        settings = self._settings
        machine = SessionMachine(
            after=client.after,
            epoch=client.epoch,
            expires_at=client.token_expires_at,
            heartbeat_seconds=settings.heartbeat_seconds,
            limits=self._limits,
            encoder=encoder,
        )
        return Session(
            transport,
            machine,
            self._metrics,
            client=client,
            encoder=encoder,
            context=self,
            renew_token=partial(self._renew_token, client.user_id),
            incoming=TokenBucket(
                per_second=settings.gateway_frames_per_second,
                burst=settings.gateway_frames_burst,
                now=asyncio.get_running_loop().time(),
            ),
        )

    def join(self, session: Session) -> UserChannel | Refusal:
        """Add `session` to its user's channel and return the channel; the caller must `leave` it."""
        try:
            channel, is_new = self._hub.join(session.client.user_id, session)
        except TooManySockets as error:
            return Refusal(CloseCode.TOO_MANY_SOCKETS, str(error))
        if is_new:
            self._shards.acquire(channel.shard)
        return channel

    async def start(self, session: Session, channel: UserChannel) -> None:
        """Start `session` as soon as the user's shard is bound, or without it if the broker takes too long."""
        channel.is_bound = await self._shards.wait_until_bound(channel.shard) or channel.is_bound
        session.start(channel.replay_buffer)

    def leave(self, session: Session, channel: UserChannel) -> None:
        """Remove `session` from its channel: its connection has ended."""
        session.detach()
        self._presence.leave(session)
        self._hub.leave(channel, session, asyncio.get_running_loop().time())
        if not channel.subscribers:
            self._log_fetcher.cancel(channel.user_id)
