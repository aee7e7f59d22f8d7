"""The gateway's decisions. Pure: no socket, no clock, no query; equal inputs give equal outputs."""

from push_gateway.core.effects import ClientMessage, Close, Count, CountedEvent, Effect, FetchLog, Send, VerifyToken
from push_gateway.core.limits import SessionLimits
from push_gateway.core.log_page import LogPage
from push_gateway.core.presence import PresenceLimits, PresenceTracker
from push_gateway.core.replay_buffer import ReplayBuffer, SharedBudget
from push_gateway.core.session_machine import SessionMachine
from push_gateway.core.token_bucket import TokenBucket
from push_gateway.core.typing_throttle import TYPING_SECONDS, TypingThrottle

__all__ = [
    "TYPING_SECONDS",
    "ClientMessage",
    "Close",
    "Count",
    "CountedEvent",
    "Effect",
    "FetchLog",
    "LogPage",
    "PresenceLimits",
    "PresenceTracker",
    "ReplayBuffer",
    "Send",
    "SessionLimits",
    "SessionMachine",
    "SharedBudget",
    "TokenBucket",
    "TypingThrottle",
    "VerifyToken",
]
