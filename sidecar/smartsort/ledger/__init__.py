"""The ledger: what smartsort knows about every photo it ever accepted, in one SQLite file.

One thread writes (`Ledger.write`), readers only read (`Ledger.read`). The tables `downloads` and
`review_queue` are plain tables for other tools. The others are smartsort's own.
"""
