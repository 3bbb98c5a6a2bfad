"""Photos by URL: what may be fetched, how it is fetched, and how it becomes a photo of the ledger."""
