"""Exit with 0 when smartsort answers on /healthz in this container."""

from __future__ import annotations

import http.client
import os

EVERYWHERE = ("", "0.0.0.0", "::", "*")  # noqa: S104


def main() -> int:
    """0 for healthy, 1 otherwise, as Docker wants it."""
    host = os.environ.get("SMARTSORT_API__HOST", "").strip()
    port = os.environ.get("SMARTSORT_API__PORT", "").strip() or "8484"
    # http.client, not urllib: proxies of the environment are not meant for this.
    try:
        connection = http.client.HTTPConnection(
            "127.0.0.1" if host in EVERYWHERE else host, int(port), timeout=4
        )
        connection.request("GET", "/healthz")
        return 0 if connection.getresponse().status == http.client.OK else 1
    except (OSError, ValueError, http.client.HTTPException):
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
