"""An Immich to try smartsort on: its interface, its jobs and its timing, with made-up faces."""
