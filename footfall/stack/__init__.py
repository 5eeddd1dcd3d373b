"""The embedded stack: one module a server, `control` for all of them together."""
