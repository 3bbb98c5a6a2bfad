"""The shapes of the HTTP API, for the server, the terminal UI and other programs.

Times are ISO 8601 with a zone, sizes bytes, boxes pixels of the upright preview. The keys of `Result` and
`Summary` are the original API. The terminal UI imports the modules of this package and nothing
else of smartsort. It imports each module by itself, so that no unused shape is built.
"""
