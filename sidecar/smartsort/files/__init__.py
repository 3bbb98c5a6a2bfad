"""Folders and files: where photos lie, what they are, and the one primitive that moves them.

Paths are `str` with surrogate escapes (`os.fsdecode`) everywhere. `smartsort.files.shown` turns them into
text for people and into values for the ledger.
"""
