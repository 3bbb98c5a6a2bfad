"""Telling people what happened: digests of the ledger's events, and trouble at once."""
