"""How requests reach the server under test: within the process, or over loopback HTTP."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from flask import Flask


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """Names of headers are the same in any case."""
        named = {name.lower(): value for name, value in self.headers.items()}
        return named.get("content-type", "")


# Raises TimeoutError when no answer comes in time, ConnectionError when there is no connection.
Fetch = Callable[[str, str, Mapping[str, str], Mapping[str, str]], Reply]


def over_flask(app: Flask) -> Fetch:
    """Every request through the application's test client, a new one each: no shared cookies."""

    def fetch(method: str, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        answer = app.test_client().open(
            url, method=method, data=dict(form) or None, headers=dict(headers)
        )
        return Reply(answer.status_code, dict(answer.headers), answer.data)

    return fetch


def over_http(server: str, timeout: float = 15.0) -> Fetch:
    """Every request to `server`, a loopback address that stands behind the public one."""

    def fetch(method: str, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        public = urlsplit(url)
        request = urllib.request.Request(
            server.rstrip("/") + url.removeprefix(f"{public.scheme}://{public.netloc}"),
            data=urlencode(form).encode() if method == "POST" else None,
            headers={**headers, "Host": public.netloc, "X-Forwarded-Proto": public.scheme},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Reply(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as answer:
            return Reply(answer.code, dict(answer.headers), answer.read())
        except urllib.error.URLError as failure:
            if isinstance(failure.reason, socket.timeout | TimeoutError):
                raise TimeoutError(str(failure.reason)) from failure
            raise ConnectionError(str(failure.reason)) from failure

    return fetch
