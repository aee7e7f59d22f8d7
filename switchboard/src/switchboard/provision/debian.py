"""Unattended installation of packages on Debian and Ubuntu."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALL_TIMEOUT_SECONDS = 600.0
_POLICY = Path("/usr/sbin/policy-rc.d")


def install(package: str) -> bool:
    """Install `package` with apt-get; return whether that succeeded. Needs root and apt-get.

    The package must not start a service of its own, so `policy-rc.d` forbids it meanwhile (Debian Policy 9.3.3).
    """
    apt_get = shutil.which("apt-get")
    if os.geteuid() != 0 or apt_get is None:
        return False
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_services_started():
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", package]):
            try:
                done = subprocess.run(
                    [apt_get, "-q", *arguments],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=INSTALL_TIMEOUT_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return False
            if done.returncode != 0 and arguments != ["update"]:
                return False
    return True


@contextmanager
def _no_services_started() -> Iterator[None]:
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
