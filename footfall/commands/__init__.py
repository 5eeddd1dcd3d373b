"""The verbs of `footfall`, one module a subject; footfall/cli.py puts them together."""
