"""The console's certificate while it serves: our own is renewed before it ends, and one that was
replaced on disk is shown from then on. One that cannot be used changes nothing: the old one goes
on."""

from __future__ import annotations

import ssl
import threading
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import structlog

from console.tls_front import CertificateUnusable, load, tls
from ivr.asterisk.certificate import FILES, write_certificate

log = structlog.get_logger()

LOOK_SECONDS = 60.0


class Certificate:
    """Looks from `start()` to `stop()`. `context` shows it to browsers.

    :param folder: of `certificate.pem` and `private.pem`. `own_for`: the address that ours is for;
        None: it was given to us, and is never written. Raises CertificateUnusable.
    """

    def __init__(self, folder: Path, own_for: str | None, at: datetime) -> None:
        self._folder = folder
        self._own_for = own_for
        self._write(at)
        self._seen = self._digest()
        self.context: ssl.SSLContext = tls(folder)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="certificate", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def look(self, at: datetime) -> None:
        """Renew it where that is due, and take up what has changed: for connections from now on."""
        try:
            self._write(at)
            found = self._digest()
            if found == self._seen:
                return
            self._seen = found
            tls(self._folder)  # tried first: a pair that doesn't fit would spoil what is shown
            load(self.context, self._folder)
        except (OSError, CertificateUnusable) as error:
            log.error("console_certificate_kept", reason=str(error))
        else:
            log.info("console_certificate_renewed")

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.look(datetime.now(UTC))

    def _write(self, at: datetime) -> None:
        if self._own_for is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_certificate(self._folder, self._own_for, at)

    def _digest(self) -> bytes:
        """Of both files, as far as they are there: told once, what is wrong with them."""
        found = sha256()
        for name in FILES:
            file = self._folder / name
            found.update(sha256(file.read_bytes() if file.exists() else b"").digest())
        return found.digest()
