"""Browsers' passwords live half a day: the key that makes them is replaced while Asterisk serves.

From the second in which Asterisk has read the new ones the old are worth nothing. Whoever talks
talks on, for a dialog asks for no password, and whoever is registered is rung until it is time to
register again. Then the browser is refused, asks the console for the new one, and is let in.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from config.settings import Settings
from ivr.assembly import Assembly
from ivr.asterisk import deployment
from ivr.asterisk.browser_phones import key_file
from ivr.asterisk.install import Installation
from ivr.asterisk.kept_secrets import kept_secret, replace_secret

log = structlog.get_logger()

EVERY = timedelta(hours=12)
LOOK_SECONDS = 60.0
READ_AGAIN = "module reload res_pjsip.so"


def due(settings: Settings, at: datetime) -> bool:
    """Is the key as old as it may become?"""
    file = key_file(settings)
    kept_secret(file)
    return at - datetime.fromtimestamp(file.stat().st_mtime, UTC) >= EVERY


def rotate(assembly: Assembly, installation: Installation, conf_dir: Path, callers: bool) -> None:
    """Replace all browsers' passwords. Raises InstallFailed where Asterisk cannot be told, and what
    writing its configuration raises: then those of before hold on."""
    file = key_file(assembly.settings)
    former = kept_secret(file)
    replace_secret(file)
    try:
        deployment.write_conf(assembly, installation, conf_dir, callers)
        installation.tell(conf_dir, READ_AGAIN)
    except BaseException:
        replace_secret(file, former)
        deployment.write_conf(assembly, installation, conf_dir, callers)
        raise
    log.info("browser_passwords_replaced")


class Rotation:
    """Replaces them whenever it is time, from `start()` to `stop()`."""

    def __init__(self, settings: Settings, installation: Installation, callers: bool) -> None:
        self._settings = settings
        self._installation = installation
        self._callers = callers
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rotation", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            try:
                if due(self._settings, datetime.now(UTC)):
                    self._rotate()
            except Exception as error:
                log.error("browser_passwords_kept", reason=str(error))

    def _rotate(self) -> None:
        assembly = Assembly.open(self._settings)
        try:
            rotate(assembly, self._installation, self._settings.asterisk_conf, self._callers)
        finally:
            assembly.store.close()
