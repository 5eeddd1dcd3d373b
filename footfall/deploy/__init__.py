"""Jobs on any Flink cluster: submitted, planned, upgraded, stopped, resumed; and what is kept of them in Postgres."""
