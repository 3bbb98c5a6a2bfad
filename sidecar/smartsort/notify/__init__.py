"""Telling people what happened: digests of the ledger's events, and health issues at once."""
