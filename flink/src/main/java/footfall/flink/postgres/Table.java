package footfall.flink.postgres;

import static java.util.stream.Collectors.joining;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/** A table of Postgres as the sink writes it, and the statements for that. */
record Table(String name, List<String> columns, List<String> key) implements Serializable {

  /** The columns' types; no row without the table. Of one that is gone, Postgres says so. */
  String typesQuery() {
    return "SELECT attname, format_type(atttypid, -1) FROM pg_attribute"
        + " WHERE attrelid = " + literal(quoted()) + "::regclass AND attnum > 0 AND NOT attisdropped";
  }

  /** Upsert of as many rows as its arrays have, an array for each column. */
  String upsert(Function<String, String> typeOf) {
    String set = columns.stream().filter(column -> !key.contains(column))
        .map(column -> quoted(column) + " = EXCLUDED." + quoted(column)).collect(joining(", "));
    return "INSERT INTO " + quoted() + " (" + list(columns) + ") SELECT * FROM " + arrays(columns, typeOf)
        + " ON CONFLICT (" + list(key) + ") DO " + (set.isEmpty() ? "NOTHING" : "UPDATE SET " + set);
  }

  /** Removal of as many rows as its arrays have, an array for each column of the key. */
  String delete(Function<String, String> typeOf) {
    String same = key.stream().map(column -> "t." + quoted(column) + " = k." + quoted(column)).collect(joining(" AND "));
    return "DELETE FROM " + quoted() + " AS t USING " + arrays(key, typeOf) + " AS k (" + list(key) + ") WHERE " + same;
  }

  private static String arrays(List<String> columns, Function<String, String> typeOf) {
    return columns.stream().map(column -> "?::" + typeOf.apply(column) + "[]").collect(joining(", ", "unnest(", ")"));
  }

  private static String list(List<String> names) {
    return names.stream().map(Table::quoted).collect(joining(", "));
  }

  private String quoted() {
    return Arrays.stream(name.split("\\.")).map(Table::quoted).collect(joining("."));
  }

  private static String quoted(String name) {
    return '"' + name.replace("\"", "\"\"") + '"';
  }

  private static String literal(String text) {
    return "'" + text.replace("'", "''") + "'";
  }
}
