"""The pages of a listing. dlt's REST client turns them; its paginators cover the vendors' styles.

Keep out: a style that only one vendor has (client.py of its source).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from dlt.common.jsonpath import find_values
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import BasePaginator

from vendors.errors import TransientVendorError


def read_pages(
    client: RESTClient,
    name: str,
    method: Literal["GET", "POST"],
    path: str,
    paginator: BasePaginator,
    *,
    params: Mapping[str, Any] | None,
    json: Mapping[str, Any] | None,
    select: str,
    may_lack: bool,
) -> Iterator[list[Any]]:
    """The records of each page; `name` is the vendor's, for messages.

    `select` (JSONPath): where the records are in a page. A page without that place raises TransientVendorError, because
    it is not an empty page; `may_lack` allows it, for vendors that leave the place out when there are no records.
    """
    pages = client.paginate(
        path,
        method,
        params=dict(params or {}),
        json=dict(json) if json is not None else None,
        paginator=paginator,
        data_selector=select,
        hooks={"response": []},
    )
    for page in pages:
        if not may_lack and not find_values(select, page.response.json()):
            raise TransientVendorError(
                f"{name}: {method} {urlsplit(path).path}: the response has no {select}. Nothing was kept; run the same"
                " command again later. If it stays so, the vendor has changed the API."
            )
        yield list(page)
