"""Where a user's event log ends, as headers: a client that loaded a list goes on from there."""

from store.repository.inbox import event_log
from store.repository.postgres.statements import Connection

_NO_LOG = event_log.LogBounds(0, 0)


async def inbox_headers(connection: Connection, user_id: str, epoch: str) -> tuple[event_log.LogBounds, dict[str, str]]:
    """Return where the user's log ends, and the headers that say so.

    Call it before the rows are read, which may then be newer than the headers say, but never older. The epoch is an
    argument because asking for it takes a connection of its own.
    """
    top = (await event_log.log_bounds(connection, [user_id])).get(user_id, _NO_LOG)
    return top, {"Inbox-Seq": str(top.last_seq), "Inbox-Epoch": epoch, "Cache-Control": "no-store"}
