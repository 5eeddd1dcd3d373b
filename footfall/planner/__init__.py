"""Flink's planner inside this process: it plans a job as the cluster would, or runs it on rows of files."""
