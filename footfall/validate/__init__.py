"""What is wrong with sql/, by file and line, and what to write instead. Without a cluster."""
