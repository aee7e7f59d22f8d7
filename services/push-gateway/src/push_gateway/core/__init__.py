"""The gateway's decisions. Pure: no socket, no clock, no query; equal inputs give equal outputs."""

from push_gateway.core.effects import Close, Effect, FetchLog, Noted, Occasion, Send, VerifyToken
from push_gateway.core.limits import Limits
from push_gateway.core.recent import Page, Recent, SharedBudget
from push_gateway.core.session import Session

__all__ = [
    "Close",
    "Effect",
    "FetchLog",
    "Limits",
    "Noted",
    "Occasion",
    "Page",
    "Recent",
    "Send",
    "Session",
    "SharedBudget",
    "VerifyToken",
]
