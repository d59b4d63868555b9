"""Is a request Twilio's, and for our account?

The address that Twilio signed is the public one it asked, not what a proxy made of it: so it is put
together from the configured address and the path and query exactly as they came. Twilio's own
validator knows both ways of writing the port, and SHA-1 and SHA-256.

Source: Twilio, "Webhooks security".
"""

from __future__ import annotations

from typing import Any

from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)
from werkzeug.datastructures import Headers


class Signatures:
    """:param public: as Twilio reaches us, `https://ivr.example.cn`, without a slash at its end."""

    def __init__(self, public: str, account_sid: str, auth_token: str) -> None:
        self._public = public
        self._account_sid = account_sid
        self._validator = RequestValidator(auth_token)

    def refused(self, target: str, form: Any, headers: Headers) -> str | None:
        """Why a request is refused; None: it is Twilio's.

        :param target: path and query exactly as they came. `form`: every value of every name.
        """
        signature = headers.get(SIGNATURE_HEADER, "")
        if not signature:
            return "unsigned"
        algorithm = get_signature_algorithm(headers.get(SIGNATURE_SETTINGS_HEADER, ""))
        if not self._validator.validate(self._public + target, form, signature, algorithm):
            return "signature"
        account = form.get("AccountSid")
        return None if account in (None, self._account_sid) else "account"
