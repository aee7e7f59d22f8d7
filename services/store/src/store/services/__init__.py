"""What the API changes: one service per kind of change, independent of HTTP."""

from dataclasses import dataclass

from store.services.accounts import AccountService
from store.services.erasures import ErasureService
from store.services.key_rotation import KeyRotation
from store.services.read_marks import ReadMarkService
from store.services.replay import ReplayService
from store.services.revocations import RevocationService


@dataclass(frozen=True, kw_only=True)
class Services:
    """The services of one process."""

    accounts: AccountService
    erasures: ErasureService
    key_rotation: KeyRotation
    read_marks: ReadMarkService
    replay: ReplayService
    revocations: RevocationService
