"""The errors of a vendor's API.

A message names the vendor, the path, the status and the vendor's own code. It never holds a record, a query string or
a credential.
"""

from __future__ import annotations


class VendorError(Exception):
    """A request to a vendor failed. The message says what to do next. `code` is short, for reports and ledgers."""

    def __init__(self, message: str, *, code: str = "vendor") -> None:
        super().__init__(message)
        self.code = code


class PermanentVendorError(VendorError):
    """The same request fails again: a credential, a permission, an address or the request itself is wrong.

    `status`: HTTP status of the response, if there was one.
    """

    def __init__(self, message: str, *, code: str = "permanent", status: int | None = None) -> None:
        super().__init__(message, code=code)
        self.status = status


class TransientVendorError(VendorError):
    """The same request may succeed later. `retry_after`: seconds that the vendor asks us to wait, if it says so."""

    def __init__(self, message: str, *, code: str = "transient", retry_after: float | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
