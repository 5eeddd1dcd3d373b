"""Everything around Flink, a package a concept: CONTRIBUTING.md says which, pyproject.toml who may import whom."""
