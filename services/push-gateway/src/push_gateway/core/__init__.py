"""The gateway's decisions. Pure: no socket, no clock, no query; equal inputs give equal outputs."""

from push_gateway.core.effects import Close, Effect, FetchLog, Noted, Occasion, Send, Told, VerifyToken
from push_gateway.core.limits import Limits
from push_gateway.core.presence import People, Terms
from push_gateway.core.replay_buffer import Page, Recent, SharedBudget
from push_gateway.core.session_machine import Session
from push_gateway.core.token_bucket import TokenBucket
from push_gateway.core.typing_throttle import TYPING_SECONDS, Typist

__all__ = [
    "TYPING_SECONDS",
    "Close",
    "Effect",
    "FetchLog",
    "Limits",
    "Noted",
    "Occasion",
    "Page",
    "People",
    "Recent",
    "Send",
    "Session",
    "SharedBudget",
    "Terms",
    "TokenBucket",
    "Told",
    "Typist",
    "VerifyToken",
]
