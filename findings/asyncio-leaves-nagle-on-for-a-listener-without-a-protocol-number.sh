#!/usr/bin/env bash
# Python 3.11's asyncio sets TCP_NODELAY on accepted connections only if the listening socket was created with
# proto=IPPROTO_TCP. socket.socket(AF_INET, SOCK_STREAM) has proto 0, and then Nagle's algorithm stays on: a small
# response after a small response can wait for the client's delayed acknowledgement (about 40 ms). uvloop 0.23.0 sets it
# either way. A service that binds its own listener is therefore slower under the standard loop than under uvloop.
# Seen 2026-11-30: asyncio 0 -> off, asyncio 6 -> on, uvloop 0 -> on, uvloop 6 -> on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check uvloop==0.23.0
cat > "$folder/run.py" <<'PYTHON'
import asyncio
import socket

import uvloop


async def is_no_delay(protocol_number: int) -> bool:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol_number)
    listener.bind(("127.0.0.1", 0))
    listener.setblocking(False)
    seen: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set_result(bool(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        writer.close()

    server = await asyncio.start_server(accepted, sock=listener)
    _, writer = await asyncio.open_connection(*listener.getsockname())
    try:
        return await asyncio.wait_for(seen, 5)
    finally:
        writer.close()
        server.close()


results = {
    (name, number): run(is_no_delay(number))
    for name, run in (("asyncio", asyncio.run), ("uvloop", uvloop.run))
    for number in (0, socket.IPPROTO_TCP)
}
for (name, number), on in results.items():
    print(f"{name}, listener with proto={int(number)}: TCP_NODELAY {'on' if on else 'off'}")
assert results == {("asyncio", 0): False, ("asyncio", 6): True, ("uvloop", 0): True, ("uvloop", 6): True}, (
    "the behaviour has changed"
)
PYTHON
"$folder/venv/bin/python" "$folder/run.py"
