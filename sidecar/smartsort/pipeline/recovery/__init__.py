"""Finishes what an earlier process began, before any stage runs.

Enters: the journal of moves, and the files that are there.
Leaves: moves that are either complete or undone, and photos whose files are where the ledger says.
States: none changes forward. A photo that was in the middle of a move goes to one end of it.
"""
