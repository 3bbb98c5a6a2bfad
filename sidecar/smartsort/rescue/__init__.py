"""When the ledger is damaged, old or gone: backups, and a new one from what lies on the disk."""
