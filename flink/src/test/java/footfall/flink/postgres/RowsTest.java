package footfall.flink.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.sql.SQLException;
import java.time.LocalDateTime;
import java.util.List;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.DataType;
import org.junit.jupiter.api.Test;

/** What becomes of a row before Postgres sees it. */
class RowsTest {

  @Test
  void valuesAreWrittenAsPostgresReadsThem() {
    TimestampData time = TimestampData.fromLocalDateTime(LocalDateTime.parse("2026-11-29T10:00:00.120"));
    assertEquals("2026-11-29T10:00:00.120Z", text(DataTypes.TIMESTAMP(3), time));
    assertEquals("2026-11-29T10:00:00.120Z", text(DataTypes.TIMESTAMP_LTZ(3), time));
    assertEquals("1000000000000.5000",
        text(DataTypes.DECIMAL(38, 4), DecimalData.fromBigDecimal(new BigDecimal("1000000000000.5"), 38, 4)));
    assertEquals("t", text(DataTypes.BOOLEAN(), true));
    assertEquals("-9223372036854775808", text(DataTypes.BIGINT(), Long.MIN_VALUE));
    assertEquals("2026-11-29", text(DataTypes.DATE(), 20786));
    assertEquals("10:00:00.500", text(DataTypes.TIME(3), 36_000_500));
    assertEquals("\\x00ff", text(DataTypes.BYTES(), new byte[] {0, -1}));
    assertEquals("1.5", text(DataTypes.DOUBLE(), 1.5));
    assertEquals("𐍈\"", text(DataTypes.STRING(), StringData.fromString("𐍈\"")));
    assertThrows(ValidationException.class, () -> text(DataTypes.ARRAY(DataTypes.INT()), null));
  }

  private static String text(DataType type, Object value) {
    return ColumnText.of("c", type.getLogicalType()).read(GenericRowData.of(value), 0);
  }

  @Test
  void anArrayHoldsAnyText() {
    List<String> values = java.util.Arrays.asList("a", "", null, "NULL", "{\"x\\y\",}", " ");
    assertEquals("{\"a\",\"\",NULL,\"NULL\",\"{\\\"x\\\\y\\\",}\",\" \"}", ArrayText.of(values.size(), values::get));
  }

  @Test
  void namesAreQuoted() {
    Table table = new Table("some.Odd\"name", List.of("user", "end", "Value"), List.of("user", "end"));
    assertEquals(
        "INSERT INTO \"some\".\"Odd\"\"name\" (\"user\", \"end\", \"Value\")"
            + " SELECT * FROM unnest(?::int8[], ?::int8[], ?::int8[])"
            + " ON CONFLICT (\"user\", \"end\") DO UPDATE SET \"Value\" = EXCLUDED.\"Value\"",
        table.upsert(column -> "int8"));
    assertTrue(new Table("t", List.of("a"), List.of("a")).upsert(column -> "text").endsWith("DO NOTHING"));
    assertTrue(table.delete(column -> "text").startsWith("DELETE FROM \"some\".\"Odd\"\"name\" AS t USING unnest("));
  }

  @Test
  void theLastRowOfAKeyIsWrittenAndKeysAreSorted() {
    Backlog backlog = new Backlog(3);
    for (String key : List.of("b", "a", "b", "a")) {
      backlog.add(new Row(List.of(key), new String[] {key, String.valueOf(backlog.isEmpty())}, false));
    }
    assertFalse(backlog.isFull());
    backlog.add(new Row(List.of("c"), new String[] {"c", null}, true));
    assertTrue(backlog.isFull());
    List<Row> taken = backlog.take();
    assertEquals(List.of("a", "b", "c"), taken.stream().map(row -> row.key().get(0)).toList());
    assertEquals("false", taken.get(1).values()[1]);
    assertTrue(backlog.isEmpty());
  }

  @Test
  void longTextsFillABacklogBeforeItHasManyRows() {
    Backlog backlog = new Backlog(5000);
    for (int i = 0; i < 20; i++) {
      backlog.add(new Row(List.of(String.valueOf(i)), new String[] {"x".repeat(1 << 20)}, false));
    }
    assertTrue(backlog.isFull());
  }

  @Test
  void onlyWhatIsARowsOwnFaultIsOne() {
    for (String state : List.of("22021", "22001", "22003", "23502", "23505", "23514", "44000", "54000", "P0001", "21000")) {
      assertTrue(Fault.ofRows(new SQLException("", state)), state);
    }
    for (String state : List.of("08006", "53100", "53300", "57P01", "57P03", "58030", "28000", "28P01", "3D000", "40001",
        "40P01", "55P03", "25006", "42P01", "42703", "42501", "XX000", "")) {
      assertFalse(Fault.ofRows(new SQLException("", state)), state);
    }
    assertFalse(Fault.ofRows(new SQLException("of the driver's own")));
  }

  @Test
  void whatIsWrittenDownOfARefusedRowCanBe() {
    assertEquals("a\uFFFDb", TableConnection.storable("a\0b", 10));
    assertEquals("abc", TableConnection.storable("abc𐍈", 4));
    assertEquals(null, TableConnection.storable(null, 4));
  }
}
