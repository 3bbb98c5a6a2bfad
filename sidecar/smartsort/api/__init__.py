"""smartsort's HTTP API."""
