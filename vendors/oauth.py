"""OAuth 2.0 access tokens for programs (RFC 6749, 4.4 and 6): requested when first needed, renewed when refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vendors.client import VendorClient
from vendors.errors import PermanentVendorError


def client_credentials(client_id: str, client_secret: str) -> dict[str, str]:
    """The form that asks for a token in the name of an app."""
    return {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}


def refresh_token(client_id: str, client_secret: str, token: str) -> dict[str, str]:
    """The form that asks for a token in the name of a user who consented before."""
    return {
        "grant_type": "refresh_token",
        "client_id": client_id,
        "client_secret": client_secret,
        "refresh_token": token,
    }


class AccessToken:
    """The access token of one client.

    `url`: path or URL of the token endpoint. `form`: a callback that returns the form to send there; it runs at each
    request for a token, so that settings are read in the run. `advice`: what to do when the endpoint refuses.
    `initial`: a token that is already known.
    """

    def __init__(
        self,
        client: VendorClient,
        url: str,
        form: Callable[[], Mapping[str, str]],
        *,
        advice: str = "",
        initial: str = "",
    ) -> None:
        self._client = client
        self._url = url
        self._form = form
        self._advice = advice
        self._value = initial
        self.response: Mapping[str, Any] = {}
        self.is_being_requested = False

    def value(self) -> str:
        """The token, requested first if there is none; empty for the request that fetches it."""
        if not self._value:
            self.renew()
        return "" if self.is_being_requested else self._value

    def renew(self) -> bool:
        """Requests a new token. False while a token is being requested: the endpoint itself refused.

        Raises PermanentVendorError with the advice, and TransientVendorError.
        """
        if self.is_being_requested:
            return False
        self.is_being_requested = True
        try:
            self.response = self._client.request("POST", self._url, data=dict(self._form())).json()
        except PermanentVendorError as error:
            raise PermanentVendorError(
                f"{error} {self._advice}".rstrip(), code=error.code, status=error.status
            ) from None
        finally:
            self.is_being_requested = False
        token = self.response.get("access_token") if isinstance(self.response, Mapping) else None
        if not token:
            raise PermanentVendorError(
                f"{self._client.name}: the token endpoint returned no access_token. {self._advice}".rstrip(),
                code="no_token",
            )
        self._value = str(token)
        return True
