"""Python functions that SQL may call: one module a subject, plain Python, tested without Flink."""
