"""smartsort-tui: the review queue in a terminal, over the sidecar's HTTP API."""
