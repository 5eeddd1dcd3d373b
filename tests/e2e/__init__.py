"""Real Kafka, Postgres, Flink and command line; the stack is started once, for this folder."""
