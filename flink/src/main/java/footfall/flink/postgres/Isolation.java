package footfall.flink.postgres;

import java.sql.SQLException;
import java.util.List;

/**
 * Writes rows so that those that Postgres refuses take no others with them.
 *
 * <p>Rows that are refused together are tried again in ten parts, and so on. One bad row of n costs some 10·log n
 * statements and 2·n rows written; n bad ones 1.1·n statements and log n times n rows.
 */
final class Isolation {

  private static final int PARTS = 10;

  /** A transaction on the table. */
  interface Transaction {
    /** Write all, or throw. */
    void write(List<Row> rows) throws SQLException;

    /** Write it down among the refused rows. */
    void refuse(Row row, SQLException reason) throws SQLException;

    /** Do one write(); where it fails, what it did is undone and the transaction goes on. */
    void attempt(List<Row> rows) throws SQLException;

    void commit() throws SQLException;

    void rollback() throws SQLException;
  }

  private Isolation() {}

  /**
   * Write all rows and commit; returns how many were refused.
   *
   * @throws SQLException what is no fault of the rows. The transaction is not committed then.
   */
  static int write(List<Row> rows, Transaction transaction) throws SQLException {
    int refused = 0;
    try {
      transaction.write(rows);
    } catch (SQLException reason) {
      if (!Fault.ofRows(reason)) {
        throw reason;
      }
      transaction.rollback();
      refused = isolate(rows, reason, transaction);
    }
    transaction.commit();
    return refused;
  }

  private static int isolate(List<Row> rows, SQLException reason, Transaction transaction) throws SQLException {
    if (rows.size() == 1) {
      transaction.refuse(rows.get(0), reason);
      return 1;
    }
    int refused = 0;
    int size = (rows.size() + PARTS - 1) / PARTS;
    for (int start = 0; start < rows.size(); start += size) {
      List<Row> part = rows.subList(start, Math.min(start + size, rows.size()));
      try {
        transaction.attempt(part);
      } catch (SQLException partReason) {
        if (!Fault.ofRows(partReason)) {
          throw partReason;
        }
        refused += isolate(part, partReason, transaction);
      }
    }
    return refused;
  }
}
