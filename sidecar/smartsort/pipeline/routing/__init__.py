"""Decides about a photo by its evidence, moves it, and tells Immich.

Enters: a photo and what Immich and the machine learning service say about it.
Leaves: a link below `faces/` or an entry in the review queue, each with its reason, and messages to Immich.
States: known -> filed or review. `smartsort.core.decide` makes the decision. This package only feeds it.
"""
