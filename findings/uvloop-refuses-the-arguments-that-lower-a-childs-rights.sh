#!/usr/bin/env bash
# uvloop 0.23.0: asyncio.create_subprocess_exec() takes the arguments of subprocess.Popen, but uvloop's event loop refuses
# those that Python has added since 3.9: user, group, extra_groups, umask, process_group and pipesize end in
# "ValueError: unexpected kwargs". So code that starts a child with fewer rights works under asyncio and in its tests,
# and fails in a process that runs on uvloop. start_new_session is accepted by both.
# Seen 2026-12-01 on Python 3.11: asyncio accepts all seven, uvloop one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check uvloop==0.23.0
cat > "$folder/run.py" <<'PYTHON'
import asyncio
import os

import uvloop

ARGUMENTS = {
    "user": os.getuid(), "group": os.getgid(), "extra_groups": os.getgroups(), "umask": 0o077, "process_group": 0,
    "pipesize": 65_536, "start_new_session": True,
}  # fmt: skip


async def is_accepted(name: str) -> bool:
    try:
        child = await asyncio.create_subprocess_exec("true", **{name: ARGUMENTS[name]})
    except ValueError as error:
        assert str(error) == f"unexpected kwargs: {name}", error
        return False
    except PermissionError:  # setting groups needs root: the argument itself was taken
        return True
    await child.wait()
    return True


accepted = {
    loop: [name for name in ARGUMENTS if run(is_accepted(name))]
    for loop, run in (("asyncio", asyncio.run), ("uvloop", uvloop.run))
}
for loop, names in accepted.items():
    print(f"{loop} accepts {', '.join(names)}")
assert accepted == {"asyncio": list(ARGUMENTS), "uvloop": ["start_new_session"]}, "the behaviour has changed"
PYTHON
"$folder/venv/bin/python" "$folder/run.py"
