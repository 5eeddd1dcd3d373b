package footfall.flink.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes a table whatever happens to its server: what fails is tried again, for as long as it takes. */
final class PatientConnection implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(PatientConnection.class);
  private static final long FIRST_PAUSE_MILLIS = 200;
  private static final long LONGEST_PAUSE_MILLIS = 5_000;
  private static final long SECOND_MILLIS = 1_000;
  private static final long MINUTE_MILLIS = 60_000;

  private final Database database;
  private final Table table;
  private volatile TableConnection connection; // null while there is none
  private volatile boolean closed;
  private volatile long waitsSince; // of System.currentTimeMillis(); 0 while it does not wait

  PatientConnection(Database database, Table table) {
    this.database = database;
    this.table = table;
  }

  /**
   * Write rows that were sorted and have each key once; returns how many were refused.
   *
   * @throws InterruptedException when it is closed meanwhile, or the thread is interrupted while it waits
   */
  int write(List<Row> rows) throws InterruptedException {
    long pause = FIRST_PAUSE_MILLIS;
    long toldAt = 0;
    while (true) {
      try {
        int refused = Isolation.write(rows, connection());
        if (toldAt > 0) {
          LOG.warn("{} is written again, after {} s", table.name(), waitedMillis() / 1000);
        }
        waitsSince = 0;
        return refused;
      } catch (SQLException error) {
        disconnect();
        long now = System.currentTimeMillis();
        if (waitsSince == 0) {
          waitsSince = now;
        }
        // A connection that was lost while nothing was written, or a deadlock, is not worth a line.
        if (now - waitsSince >= SECOND_MILLIS && now - toldAt >= MINUTE_MILLIS) {
          toldAt = now;
          LOG.warn("{} can't be written for {} s, trying on: {}", table.name(), waitedMillis() / 1000, Fault.line(error));
        }
      }
      if (closed) {
        throw new InterruptedException();
      }
      Thread.sleep(pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
    }
  }

  /** For how long it has been waiting for its server. */
  long waitedMillis() {
    long since = waitsSince;
    return since == 0 ? 0 : System.currentTimeMillis() - since;
  }

  private TableConnection connection() throws SQLException {
    TableConnection found = connection;
    if (found == null) {
      Connection made = database.connect(table.name());
      try {
        found = new TableConnection(made, table);
      } catch (SQLException error) {
        made.close();
        throw error;
      }
      connection = found;
      if (closed) {
        disconnect();
      }
    }
    return found;
  }

  private void disconnect() {
    TableConnection old = connection;
    connection = null;
    if (old != null) {
      old.close();
    }
  }

  /** From any thread: a write that is under way ends at once. */
  @Override
  public void close() {
    closed = true;
    disconnect();
  }
}
