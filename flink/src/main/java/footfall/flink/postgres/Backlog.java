package footfall.flink.postgres;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Rows that wait to be written together: of those with one key, the last. */
final class Backlog {

  // Sessions that write the same keys, in whichever order they came, lock them in the same order.
  private static final Comparator<Row> BY_KEY = (one, other) -> Arrays.compare(
      one.key().toArray(String[]::new), other.key().toArray(String[]::new));
  private static final long MOST_CHARACTERS = 16L << 20;

  private final int maxRows;
  private Map<List<String>, Row> rows = new HashMap<>();
  private long characters;

  Backlog(int maxRows) {
    this.maxRows = maxRows;
  }

  void add(Row row) {
    rows.put(row.key(), row);
    for (String value : row.values()) {
      characters += value == null ? 0 : value.length();
    }
  }

  boolean isEmpty() {
    return rows.isEmpty();
  }

  boolean isFull() {
    return rows.size() >= maxRows || characters >= MOST_CHARACTERS;
  }

  /** All of them, sorted by key; none are left. */
  List<Row> take() {
    List<Row> taken = new ArrayList<>(rows.values());
    taken.sort(BY_KEY);
    rows = new HashMap<>();
    characters = 0;
    return taken;
  }
}
