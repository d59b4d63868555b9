"""A PostgreSQL server of our own, for tests and benchmarks: started, restarted, ended by pid."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))


class PostgreSQL:
    """A server with its own folder, port and socket, fsync on, on loopback alone.

    PostgreSQL refuses to run as root: it then runs as `postgres`, whom the Debian package made.
    """

    def __init__(self) -> None:
        located = shutil.which("pg_ctl") or (str(BINARIES[-1]) if BINARIES else None)
        if located is None:
            raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
        self._binaries = Path(located).resolve().parent
        self._user = "postgres" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._data = self._folder / "data"
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._names = itertools.count(1)
        self._run(
            "initdb", "--pgdata", self._data, "--username", "tests", "--auth", "trust",
            "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        """Returns once the server takes connections."""
        self._run(
            "pg_ctl", "start", "--wait", "--pgdata", self._data, "--log", self._folder / "log",
            "--options", f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1",
        )  # fmt: skip

    def stop(self) -> None:
        """End the server at once, cutting every connection, without losing commits."""
        self._run("pg_ctl", "stop", "--wait", "--pgdata", self._data, "--mode", "immediate")

    @contextmanager
    def hung(self) -> Iterator[None]:
        """The server and all its processes stand still meanwhile, their sockets open."""
        server = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGSTOP)
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        processes = [*map(int, children), server]
        try:
            for process in processes:
                os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    def new_database(self) -> str:
        """A fresh database's address for `Store`."""
        name = f"db{next(self._names)}"
        address = f"host=127.0.0.1 port={self.port} user=tests dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://tests@127.0.0.1:{self.port}/{name}"

    def remove(self) -> None:
        """End the server and its folder."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().split()[0])
        except FileNotFoundError:
            pass
        else:
            os.kill(pid, signal.SIGQUIT)
            self._run("pg_ctl", "stop", "--wait", "--pgdata", self._data, check=False)
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str | Path, check: bool = True) -> None:
        # No pipes: the server inherits them, and a reader would wait for its end.
        with (self._folder / f"{program}.log").open("w+") as output:
            done = subprocess.run(
                [self._binaries / program, *arguments], user=self._user, cwd=self._folder,
                extra_groups=[] if self._user else None, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, check=False,
            )  # fmt: skip
            if check and done.returncode != 0:
                output.seek(0)
                raise RuntimeError(f"{program} failed: {output.read()}")
