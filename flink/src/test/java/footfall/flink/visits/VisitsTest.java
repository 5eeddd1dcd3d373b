package footfall.flink.visits;

import static java.util.Comparator.comparingLong;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import footfall.flink.visits.Operator.Given;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.LongStream;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.DataType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class VisitsTest {

  private static final long MINUTE = 60_000;
  private static final long GAP = 30 * MINUTE;
  private static final long DAY = 24 * 60 * MINUTE;
  private static final int REVENUE = 4; // behind event_time, message_id, is_action and is_page_view
  private static final int ENGAGED = 5;

  private static Operator operator() throws Exception {
    return new Operator(GAP, DAY, 10_000, 0);
  }

  private static Given page(long minute, String id) {
    return new Given("v", minute * MINUTE, id, true, true);
  }

  private static Given passive(long minute, String id) {
    return new Given("v", minute * MINUTE, id, false, false);
  }

  /** Each row as visit start in minutes, event number, message id, and E, X, C where it is entry, exit or cut. */
  private static List<String> told(Operator operator) {
    List<String> rows = new ArrayList<>();
    for (RowData row : operator.told) {
      int at = row.getArity() - 7;
      long start = row.getTimestamp(at, 3).getMillisecond() / MINUTE;
      long end = row.getTimestamp(at + 1, 3).getMillisecond() / MINUTE;
      String marks = "";
      for (int mark = 0; mark < 3; mark++) {
        marks += row.getBoolean(at + 4 + mark) ? "EXC".charAt(mark) : "";
      }
      rows.add(start + "-" + end + " " + row.getLong(at + 2) + " " + row.getString(1) + " " + marks);
    }
    return rows;
  }

  private static List<String> all(Given... events) throws Exception {
    Operator operator = operator();
    for (Given event : events) {
      operator.add(event);
    }
    operator.advance(Long.MAX_VALUE);
    assertEquals(0, operator.kept());
    return told(operator);
  }

  @Test
  void aGapOfExactlyHalfAnHourEndsNoVisit() throws Exception {
    assertEquals(List.of("0-30 1 a E", "0-30 2 b X"), all(page(0, "a"), page(30, "b")));
    Given later = new Given("v", 30 * MINUTE + 1, "b", true, true);
    assertEquals(List.of("0-0 1 a EX", "30-30 1 b EX"), all(page(0, "a"), later));
  }

  @Test
  void whatIsNoActNeitherBeginsNorProlongsAVisit() throws Exception {
    assertEquals(List.of("0-0 1 a EX"), all(page(0, "a"), passive(45, "a tab that is closed")));
    assertEquals(
        List.of("0-20 1 a EX", "0-20 2 p ", "40-40 1 b EX"), all(page(0, "a"), passive(20, "p"), page(40, "b")));
    assertEquals(
        List.of("10-30 1 a E", "10-30 2 p ", "10-30 3 b X"),
        all(passive(9, "before"), page(10, "a"), passive(15, "p"), page(30, "b")));
    assertEquals(List.of(), all(passive(0, "p")));
  }

  @Test
  void aVisitIsCutAtItsLongestAndAtItsMostEvents() throws Exception {
    Given[] day = LongStream.rangeClosed(0, 75).mapToObj(n -> page(20 * n, "m" + n)).toArray(Given[]::new);
    List<String> rows = all(day);
    assertEquals("0-1420 72 m71 XC", rows.get(71));
    assertEquals("1440-1500 1 m72 E", rows.get(72));
    Operator few = new Operator(GAP, DAY, 3, 0);
    for (int minute = 0; minute < 4; minute++) {
      few.add(page(minute, "m" + minute));
    }
    few.add(new Given("v", 2 * MINUTE + 1, "n", false, false)); // a visit that is full takes what is no act neither
    few.advance(Long.MAX_VALUE);
    assertEquals(List.of("0-2 1 m0 EC", "0-2 2 m1 C", "0-2 3 m2 XC", "3-3 1 m3 EX"), told(few));
  }

  @Test
  void aVisitIsToldOnceNothingCanChangeIt() throws Exception {
    Operator operator = new Operator(GAP, DAY, 10_000, 14 * MINUTE);
    operator.add(page(0, "a"));
    operator.advance(43 * MINUTE);
    operator.add(page(30, "b")); // 14 minutes behind
    operator.add(page(29, "too late"));
    operator.advance(44 * MINUTE);
    assertEquals(List.of(), told(operator));
    operator.advance(74 * MINUTE);
    assertEquals(List.of("0-30 1 a E", "0-30 2 b X"), told(operator));
    assertEquals(0, operator.kept());
  }

  @Test
  void theFirstCopyCountsWhateverTimeTheOthersHave() throws Exception {
    assertEquals(List.of("5-5 1 a EX"), all(page(5, "a"), page(5, "a"), page(50, "a")));
  }

  @Test
  void columnsMayComeAndGoWhileAVisitIsOpen() throws Exception {
    DataTypes.Field page = DataTypes.FIELD("page_path", DataTypes.STRING());
    DataTypes.Field revenue = DataTypes.FIELD("revenue", DataTypes.DECIMAL(18, 4));
    DataTypes.Field engaged = DataTypes.FIELD("engaged_ms", DataTypes.BIGINT());
    StringData path = StringData.fromString("/größe/und/mehr");
    DecimalData amount = DecimalData.fromBigDecimal(new BigDecimal("-12.5000"), 18, 4);
    Operator operator = new Operator(GAP, DAY, 10_000, 0, page, revenue);
    operator.add(new Given("v", MINUTE, "a", true, true, path, amount));
    operator.add(new Given("v", 2 * MINUTE, "b", true, true, path, null));
    operator.open(engaged, page);
    operator.add(new Given("v", 3 * MINUTE, "c", true, true, 700L, path));
    operator.open(revenue, engaged); // in the places REVENUE and ENGAGED
    operator.add(new Given("v", 4 * MINUTE, "d", true, true, amount, 800L));
    operator.advance(Long.MAX_VALUE);
    List<Object> values = new ArrayList<>();
    for (RowData row : operator.told) {
      values.add(row.isNullAt(REVENUE) ? null : row.getDecimal(REVENUE, 18, 4));
      values.add(row.isNullAt(ENGAGED) ? null : row.getLong(ENGAGED));
    }
    // The first revenue is gone: its column was not there for a while.
    assertEquals(Arrays.asList(null, null, null, null, null, 700L, amount, 800L), values);
  }

  @Test
  void anEventWithoutAnIdIsInNoVisitAndWhatIsNotSaidToBeAnActIsNone() throws Exception {
    Operator operator = operator();
    operator.add(new Given("v", MINUTE, null, true, true));
    operator.add(new Given("v", MINUTE, "p", null, true));
    operator.advance(Long.MAX_VALUE);
    assertEquals(List.of(), told(operator));
  }

  @Test
  void anotherColumnOfTimeIsAnotherSetOfColumns() throws Exception {
    DataType input = DataTypes.ROW(
        DataTypes.FIELD("event_time", DataTypes.TIMESTAMP_LTZ(3)),
        DataTypes.FIELD("sent_at", DataTypes.TIMESTAMP_LTZ(3)),
        DataTypes.FIELD("message_id", DataTypes.STRING()), DataTypes.FIELD("is_action", DataTypes.BOOLEAN()),
        DataTypes.FIELD("is_page_view", DataTypes.BOOLEAN()));
    EventFormat[] formats = new EventFormat[2];
    for (int time = 0; time < 2; time++) {
      formats[time] = new EventFormat(new Columns(input, new int[0], time));
    }
    assertNotEquals(formats[0].hash, formats[1].hash);
  }

  @Test
  void whatAVisitRepeatsIsStoredOnce() throws Exception {
    Operator operator = new Operator(GAP, DAY, 10_000, 0, DataTypes.FIELD("user_agent", DataTypes.STRING()));
    StringData agent = StringData.fromString("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    for (int minute = 0; minute < 100; minute++) {
      operator.add(new Given("v", minute * MINUTE, "m" + minute, true, true, agent));
    }
    assertTrue(operator.keptBytes() < 100 * 20 + 200, operator.keptBytes() + " bytes");
    for (int minute = 0; minute < 1000; minute++) { // more values than a header knows again
      StringData one = StringData.fromString("another agent " + minute % 400);
      operator.add(new Given("w", minute * MINUTE, "m" + minute, true, true, one));
    }
    operator.advance(Long.MAX_VALUE);
    RowData last = operator.told.get(operator.told.size() - 1);
    assertEquals("another agent 199", last.getString(4).toString());
  }

  @Test
  void anInputThatLacksAColumnOrHasOneThatCanNotBeKeptIsRefused() {
    DataType lacking = DataTypes.ROW(DataTypes.FIELD("event_time", DataTypes.TIMESTAMP_LTZ(3)));
    DataType map = DataTypes.ROW(
        DataTypes.FIELD("message_id", DataTypes.STRING()), DataTypes.FIELD("is_action", DataTypes.BOOLEAN()),
        DataTypes.FIELD("is_page_view", DataTypes.BOOLEAN()),
        DataTypes.FIELD("traits", DataTypes.MAP(DataTypes.STRING(), DataTypes.STRING())));
    DataType number = DataTypes.ROW(
        DataTypes.FIELD("message_id", DataTypes.BIGINT()), DataTypes.FIELD("is_action", DataTypes.BOOLEAN()),
        DataTypes.FIELD("is_page_view", DataTypes.BOOLEAN()));
    for (DataType input : List.of(lacking, map, number)) {
      assertThrows(ValidationException.class, () -> new Columns(input, new int[0], 0));
    }
  }

  /** What the visits of a visitor are when all is known, in few lines; events are distinct. */
  private static List<String> reference(List<Given> events, long longest, int most) {
    List<List<Given>> found = new ArrayList<>();
    Set<Integer> cut = new HashSet<>();
    long last = 0;
    for (Given event : events.stream().sorted(comparingLong(Given::time).thenComparing(Given::id)).toList()) {
      boolean isOpen = !found.isEmpty() && event.time() - last <= GAP;
      List<Given> newest = found.isEmpty() ? List.of() : found.get(found.size() - 1);
      boolean isFull = isOpen && (newest.size() == most || event.time() - newest.get(0).time() >= longest);
      if (event.isAction()) {
        if (isFull) {
          cut.add(found.size() - 1);
        }
        if (!isOpen || isFull) {
          found.add(new ArrayList<>());
        }
        last = event.time();
      }
      if (event.isAction() || isOpen && !isFull) {
        found.get(found.size() - 1).add(event);
      }
    }
    List<String> rows = new ArrayList<>();
    for (List<Given> visit : found) {
      for (Given event : visit) {
        rows.add(visit.get(0).time() + " " + event.id() + " " + visit.size() + " " + cut.contains(found.indexOf(visit)));
      }
    }
    Collections.sort(rows);
    return rows;
  }

  static LongStream seeds() {
    return LongStream.range(0, 300);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void anyOrderAnyCopiesAnyRestartsAndAnyWatermarksGiveTheSameRows(long seed) throws Exception {
    Random chance = new Random(seed);
    long longest = chance.nextBoolean() ? DAY : 90 * MINUTE;
    int most = chance.nextBoolean() ? 10_000 : 5;
    long lateness = chance.nextInt(3) * 7 * MINUTE;
    List<Given> log = new ArrayList<>();
    for (int number = 0; number < 60; number++) {
      long time = chance.nextInt(900) * MINUTE / 2;
      log.add(new Given("v" + chance.nextInt(2), time, "m" + number, chance.nextInt(3) > 0, chance.nextBoolean()));
    }
    List<Given> arrivals = new ArrayList<>(log);
    for (Given event : log) {
      if (chance.nextInt(5) == 0) {
        arrivals.add(event);
      }
    }
    // As far out of order as the bound lets it be: sorted by a time that is up to so much later.
    List<Long> delays = new ArrayList<>();
    for (int place = 0; place < arrivals.size(); place++) {
      delays.add(arrivals.get(place).time() + (lateness == 0 ? 0 : chance.nextLong(lateness)));
    }
    List<Integer> order = new ArrayList<>(LongStream.range(0, arrivals.size()).mapToObj(n -> (int) n).toList());
    order.sort((a, b) -> Long.compare(delays.get(a), delays.get(b)));
    Operator operator = new Operator(GAP, longest, most, lateness);
    for (int place : order) {
      if (chance.nextInt(4) == 0) {
        operator.advance(delays.get(place) - 1);
      }
      if (chance.nextInt(10) == 0) {
        operator.open();
      }
      operator.add(arrivals.get(place));
    }
    operator.advance(Long.MAX_VALUE);
    List<String> rows = new ArrayList<>();
    for (RowData row : operator.told) {
      int at = row.getArity() - 7;
      rows.add(
          row.getTimestamp(at, 3).getMillisecond() + " " + row.getString(1) + " " + row.getLong(at + 3) + " "
              + row.getBoolean(at + 6));
    }
    Collections.sort(rows);
    List<String> expected = new ArrayList<>();
    for (String visitor : List.of("v0", "v1")) {
      expected.addAll(reference(log.stream().filter(event -> event.visitor().equals(visitor)).toList(), longest, most));
    }
    Collections.sort(expected);
    assertEquals(expected, rows);
    assertEquals(0, operator.kept());
    assertTrue(rows.size() > 20);
  }

  @Test
  void timesHaveTheirMilliseconds() throws Exception {
    Operator operator = operator();
    operator.add(new Given("v", 1_767_225_600_123L, "a", true, true));
    operator.advance(Long.MAX_VALUE);
    assertEquals(TimestampData.fromEpochMillis(1_767_225_600_123L), operator.told.get(0).getTimestamp(0, 3));
  }
}
