package footfall.flink.postgres;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Types;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A connection that writes one table, and what it refuses. */
final class TableConnection implements Isolation.Transaction, AutoCloseable {

  // In the schema public, whichever one the connection writes to first: a replay has its own.
  private static final String REFUSE =
      "INSERT INTO public.refused_rows"
          + " (table_name, key_hash, refused_at, last_refused_at, reason, key, original, site)"
          + " SELECT ?, ?, clock_timestamp(), clock_timestamp(), ?, jsonb_object(?::text[], ?::text[]), o, o ->> 'site'"
          + " FROM jsonb_object(?::text[], ?::text[]) AS o"
          + " ON CONFLICT (table_name, key_hash) DO UPDATE SET last_refused_at = EXCLUDED.last_refused_at,"
          + " reason = EXCLUDED.reason, original = EXCLUDED.original";
  private static final int LONGEST_TEXT = 10_000;
  private static final int LONGEST_REASON = 1_000;

  private final Connection connection;
  private final Table table;
  private final PreparedStatement upsert;
  private final PreparedStatement delete;
  private final PreparedStatement refuse;

  TableConnection(Connection connection, Table table) throws SQLException {
    this.connection = connection;
    this.table = table;
    Map<String, String> types = new HashMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet found = statement.executeQuery(table.typesQuery())) {
      while (found.next()) {
        types.put(found.getString(1), found.getString(2));
      }
    }
    // Of a column that is not there, whichever: Postgres then says that it is not.
    upsert = connection.prepareStatement(table.upsert(column -> types.getOrDefault(column, "text")));
    delete = connection.prepareStatement(table.delete(column -> types.getOrDefault(column, "text")));
    refuse = connection.prepareStatement(REFUSE);
  }

  @Override
  public void write(List<Row> rows) throws SQLException {
    List<Row> written = rows.stream().filter(row -> !row.deleted()).toList();
    List<Row> deleted = rows.stream().filter(Row::deleted).toList();
    if (!written.isEmpty()) {
      for (int i = 0; i < table.columns().size(); i++) {
        int column = i;
        upsert.setObject(i + 1, ArrayText.of(written.size(), n -> written.get(n).values()[column]), Types.OTHER);
      }
      upsert.executeUpdate();
    }
    if (!deleted.isEmpty()) {
      for (int i = 0; i < table.key().size(); i++) {
        int column = i;
        delete.setObject(i + 1, ArrayText.of(deleted.size(), n -> deleted.get(n).key().get(column)), Types.OTHER);
      }
      delete.executeUpdate();
    }
  }

  @Override
  public void attempt(List<Row> rows) throws SQLException {
    Savepoint before = connection.setSavepoint();
    try {
      write(rows);
    } catch (SQLException error) {
      if (Fault.ofRows(error)) {
        connection.rollback(before);
      }
      throw error;
    }
    connection.releaseSavepoint(before);
  }

  @Override
  public void refuse(Row row, SQLException reason) throws SQLException {
    refuse.setString(1, table.name());
    refuse.setBytes(2, hash(row.key()));
    refuse.setString(3, storable(Fault.line(reason), LONGEST_REASON));
    set(4, table.key(), row.key());
    set(6, table.columns(), Arrays.asList(row.values()));
    refuse.executeUpdate();
  }

  private void set(int place, List<String> names, List<String> values) throws SQLException {
    refuse.setString(place, ArrayText.of(names.size(), names::get));
    refuse.setString(place + 1, ArrayText.of(values.size(), n -> storable(values.get(n), LONGEST_TEXT)));
  }

  /** A text that Postgres can hold: cut, and without U+0000. */
  static String storable(String text, int longest) {
    if (text == null) {
      return null;
    }
    int end = Math.min(text.length(), longest);
    if (end < text.length() && Character.isHighSurrogate(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(0, end).replace('\0', '\uFFFD');
  }

  private static byte[] hash(List<String> key) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String value : key) {
        byte[] bytes = String.valueOf(value).getBytes(StandardCharsets.UTF_8);
        digest.update((bytes.length + ":").getBytes(StandardCharsets.UTF_8));
        digest.update(bytes);
      }
      return digest.digest();
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  @Override
  public void commit() throws SQLException {
    connection.commit();
  }

  @Override
  public void rollback() throws SQLException {
    connection.rollback();
  }

  /** Close the socket at once, whatever the server does: a statement that is under way then fails. */
  @Override
  public void close() {
    try {
      connection.abort(Runnable::run);
    } catch (SQLException ignored) {
      // it is gone as well
    }
  }
}
