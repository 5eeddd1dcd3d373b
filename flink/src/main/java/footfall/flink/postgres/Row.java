package footfall.flink.postgres;

import java.util.List;

/** A row as it is written. values: of each column, as Postgres reads it, null for NULL; key: those of its key. */
record Row(List<String> key, String[] values, boolean deleted) {}
