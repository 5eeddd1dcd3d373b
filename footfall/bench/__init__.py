"""How fast it is on this machine: the jobs, the collector, the dashboards and the sink."""
