"""The verbs of `footfall`, a module each of the verb's name; footfall/cli.py puts them together."""
