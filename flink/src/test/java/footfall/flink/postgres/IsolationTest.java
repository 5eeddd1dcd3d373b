package footfall.flink.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class IsolationTest {

  private static final String TOO_LONG = "54000";
  private static final String DEADLOCK = "40P01";

  @Test
  void goodRowsAreOneStatement() throws SQLException {
    FakeTransaction transaction = new FakeTransaction(Set.of());
    assertEquals(0, Isolation.write(rows(5000), transaction));
    assertEquals(5000, transaction.committed.size());
    assertEquals(1, transaction.statements);
  }

  @Test
  void badRowsAreRefusedAndAllOthersWritten() throws SQLException {
    for (Set<Integer> bad : List.of(Set.of(0), Set.of(4999), Set.of(1, 2, 17, 18, 2500), Set.of(999, 1000))) {
      FakeTransaction transaction = new FakeTransaction(bad);
      assertEquals(bad.size(), Isolation.write(rows(5000), transaction));
      assertEquals(bad, new HashSet<>(transaction.refused));
      assertEquals(bad.size(), transaction.refused.size());
      assertEquals(5000 - bad.size(), new HashSet<>(transaction.committed).size());
      assertEquals(5000 - bad.size(), transaction.committed.size());
    }
  }

  @Test
  void oneBadRowOfManyCostsFewStatementsAndTwiceTheRows() throws SQLException {
    FakeTransaction transaction = new FakeTransaction(Set.of(1234));
    Isolation.write(rows(5000), transaction);
    assertTrue(transaction.statements <= 45, () -> transaction.statements + " statements");
    assertTrue(transaction.rows <= 2.2 * 5000, () -> transaction.rows + " rows");
  }

  @Test
  void workIsBoundedWhereAllRowsAreBad() throws SQLException {
    Set<Integer> all = new HashSet<>(IntStream.range(0, 5000).boxed().toList());
    FakeTransaction transaction = new FakeTransaction(all);
    assertEquals(5000, Isolation.write(rows(5000), transaction));
    assertTrue(transaction.statements <= 1.25 * 5000, () -> transaction.statements + " statements");
    assertTrue(transaction.rows <= 5 * 5000, () -> transaction.rows + " rows");
  }

  @Test
  void anyNumberOfRowsIsSplit() throws SQLException {
    for (int size : List.of(1, 2, 9, 10, 11, 19, 101)) {
      for (int bad = 0; bad < size; bad++) {
        FakeTransaction transaction = new FakeTransaction(Set.of(bad));
        assertEquals(1, Isolation.write(rows(size), transaction));
        assertEquals(size - 1, transaction.committed.size());
      }
    }
  }

  @Test
  void whatIsNoFaultOfARowIsThrownAndNothingIsCommitted() {
    FakeTransaction atOnce = new FakeTransaction(Set.of());
    atOnce.failsWith(1, DEADLOCK);
    assertThrows(SQLException.class, () -> Isolation.write(rows(100), atOnce));
    FakeTransaction amidst = new FakeTransaction(Set.of(50));
    amidst.failsWith(7, DEADLOCK);
    assertThrows(SQLException.class, () -> Isolation.write(rows(100), amidst));
    assertEquals(List.of(), atOnce.committed);
    assertEquals(List.of(), amidst.committed);
  }

  private static List<Row> rows(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> new Row(List.of(String.valueOf(i)), new String[] {String.valueOf(i)}, false))
        .toList();
  }

  /** Refuses statements that have a bad row in them. */
  private static final class FakeTransaction implements Isolation.Transaction {
    final List<Integer> committed = new ArrayList<>();
    final List<Integer> refused = new ArrayList<>();
    private final List<Integer> written = new ArrayList<>();
    private final Set<Integer> bad;
    private int failing;
    private String failure;
    int statements;
    int rows;

    FakeTransaction(Set<Integer> bad) {
      this.bad = bad;
    }

    void failsWith(int statement, String state) {
      failing = statement;
      failure = state;
    }

    @Override
    public void write(List<Row> batch) throws SQLException {
      statements++;
      rows += batch.size();
      List<Integer> numbers = batch.stream().map(row -> Integer.valueOf(row.values()[0])).toList();
      if (statements == failing) {
        throw new SQLException("no row's fault", failure);
      }
      if (numbers.stream().anyMatch(bad::contains)) {
        throw new SQLException("too long", TOO_LONG);
      }
      written.addAll(numbers);
    }

    @Override
    public void attempt(List<Row> batch) throws SQLException {
      write(batch);
    }

    @Override
    public void refuse(Row row, SQLException reason) {
      refused.add(Integer.valueOf(row.values()[0]));
    }

    @Override
    public void commit() {
      committed.addAll(written);
    }

    @Override
    public void rollback() {
      written.clear();
    }
  }
}
