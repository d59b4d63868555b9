"""Is a request Twilio's, and for our account?

The address that Twilio signed is the public one it asked, not what a proxy made of it: so it is put
together from the configured address and the path and query exactly as they came. Twilio's own
validator knows both ways of writing the port, and SHA-1 (by the account's token) and SHA-256 (by a
shared key, which a header of its own tells).

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
    """:param public: as Twilio reaches us, `https://ivr.example.cn`, without a slash at its end.
    :param shared_key: signs instead of the token where the account says so; empty: it doesn't.
    """

    def __init__(
        self, public: str, account_sid: str, auth_token: str, shared_key: str = ""
    ) -> None:
        self._public = public
        self._account_sid = account_sid
        self._by_token = RequestValidator(auth_token)
        self._by_shared_key = RequestValidator(shared_key) if shared_key else None

    def refused(self, target: str, form: Any, headers: Headers) -> str | None:
        """Why a request is refused; None: it is Twilio's.

        :param target: path and query exactly as they came. `form`: every value of every name.
        """
        signature = headers.get(SIGNATURE_HEADER, "")
        if not signature:
            return "unsigned"
        validator, algorithm = self._by_token, None
        settings = headers.get(SIGNATURE_SETTINGS_HEADER, "")
        if settings:
            if self._by_shared_key is None:
                return "shared key unknown"
            validator, algorithm = self._by_shared_key, get_signature_algorithm(settings)
        if not validator.validate(self._public + target, form, signature, algorithm):
            return "signature"
        account = form.get("AccountSid")
        return None if account in (None, self._account_sid) else "account"
