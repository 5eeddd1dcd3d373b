package footfall.flink.visits;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.dataview.ListView;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.functions.FunctionContext;
import org.apache.flink.table.functions.ProcessTableFunction;
import org.apache.flink.table.functions.TableSemantics;
import org.apache.flink.table.types.DataType;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/** Flink around {@link Visits}, as far as one operator sees it: keys, their state and timers, and a watermark. */
final class Operator {

  /** What happened: the input has these columns, and whatever is in more. */
  record Given(String visitor, long time, String id, Boolean isAction, boolean isPageView, Object... more) {}

  private static final class State {
    Row header = new Row(1);
    ListView<byte[]> events = new ListView<>();
  }

  private final long gap;
  private final long longest;
  private final int most;
  private final long lateness;
  private final TreeMap<Long, List<String>> timers = new TreeMap<>();
  private Map<String, State> states = new HashMap<>();
  private Visits visits;
  private int width;
  private long watermark = Long.MIN_VALUE;
  private String key;
  final List<RowData> told = new ArrayList<>();

  Operator(long gap, long longest, int most, long lateness, DataTypes.Field... more) throws Exception {
    this.gap = gap;
    this.longest = longest;
    this.most = most;
    this.lateness = lateness;
    open(more);
  }

  /** Starts the function, at first or again from its state; more are the columns behind those that it needs. */
  void open(DataTypes.Field... more) throws Exception {
    List<DataTypes.Field> fields = new ArrayList<>(List.of(
        DataTypes.FIELD("visitor_id", DataTypes.STRING()),
        DataTypes.FIELD("event_time", DataTypes.TIMESTAMP_LTZ(3)),
        DataTypes.FIELD("message_id", DataTypes.STRING()),
        DataTypes.FIELD("is_action", DataTypes.BOOLEAN()),
        DataTypes.FIELD("is_page_view", DataTypes.BOOLEAN())));
    fields.addAll(List.of(more));
    width = fields.size();
    DataType input = DataTypes.ROW(fields);
    visits = new Visits(input, new Columns(input, new int[] {0}, 1), new Rules(gap, longest, most), lateness);
    visits.open(new FunctionContext(null));
    visits.setCollector(new Collector<>() {
      @Override
      public void collect(RowData row) {
        told.add(row);
      }

      @Override
      public void close() {}
    });
  }

  void add(Given event) throws Exception {
    GenericRowData row = new GenericRowData(width);
    row.setField(0, StringData.fromString(event.visitor()));
    row.setField(1, TimestampData.fromEpochMillis(event.time()));
    row.setField(2, StringData.fromString(event.id()));
    row.setField(3, event.isAction());
    row.setField(4, event.isPageView());
    for (int place = 0; place < event.more().length; place++) {
      row.setField(5 + place, event.more()[place]);
    }
    key = event.visitor();
    State state = states.computeIfAbsent(key, visitor -> new State());
    visits.eval(new Clock(), state.header, state.events, row, null, null, null, null);
  }

  /** Lets time pass, and what waits for it happen. */
  void advance(long to) throws Exception {
    watermark = Math.max(watermark, to);
    while (!timers.isEmpty() && timers.firstKey() <= watermark) {
      for (String visitor : timers.pollFirstEntry().getValue()) {
        key = visitor;
        State state = states.get(visitor);
        visits.onTimer(new Clock(), state.header, state.events);
      }
    }
  }

  /** How many visitors something is kept of. */
  long kept() {
    return states.values().stream().filter(state -> state.header.getField(0) != null).count();
  }

  long keptBytes() {
    return states.values().stream()
        .mapToLong(state -> bytes(state.header) + state.events.getList().stream().mapToLong(one -> one.length).sum())
        .sum();
  }

  private static long bytes(Row header) {
    return header.getField(0) instanceof byte[] bytes ? bytes.length : 0;
  }

  private final class Clock
      implements ProcessTableFunction.OnTimerContext, ProcessTableFunction.TimeContext<Long> {

    @Override
    @SuppressWarnings("unchecked")
    public <T> ProcessTableFunction.TimeContext<T> timeContext(Class<T> type) {
      return (ProcessTableFunction.TimeContext<T>) this;
    }

    @Override
    public Long currentWatermark() {
      return watermark == Long.MIN_VALUE ? null : watermark;
    }

    @Override
    public void registerOnTime(Long time) {
      if (time <= watermark) {
        throw new IllegalStateException("a timer of the past, which would not fire at the end of a bounded log");
      }
      timers.computeIfAbsent(time, at -> new ArrayList<>()).add(key);
    }

    @Override
    public void clearState(String name) {
      State state = states.get(key);
      if (name.equals("visitor")) {
        state.header = new Row(1);
      } else {
        state.events = new ListView<>();
      }
    }

    @Override
    public String currentTimer() {
      return null;
    }

    @Override
    public Long time() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Long tableWatermark() {
      throw new UnsupportedOperationException();
    }

    @Override
    public void registerOnTime(String name, Long time) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void clearTimer(String name) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void clearTimer(Long time) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void clearAllTimers() {
      throw new UnsupportedOperationException();
    }

    @Override
    public TableSemantics tableSemanticsFor(String name) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void clearAllState() {
      throw new UnsupportedOperationException();
    }

    @Override
    public void clearAll() {
      throw new UnsupportedOperationException();
    }

    @Override
    public ChangelogMode getChangelogMode() {
      throw new UnsupportedOperationException();
    }
  }
}
