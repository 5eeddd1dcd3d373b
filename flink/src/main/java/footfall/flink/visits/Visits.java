package footfall.flink.visits;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.flink.metrics.Counter;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.api.dataview.ListView;
import org.apache.flink.table.catalog.DataTypeFactory;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.functions.FunctionContext;
import org.apache.flink.table.functions.ProcessTableFunction;
import org.apache.flink.table.functions.SpecializedFunction;
import org.apache.flink.table.functions.TableSemantics;
import org.apache.flink.table.functions.UserDefinedFunction;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.inference.CallContext;
import org.apache.flink.table.types.inference.StateTypeStrategy;
import org.apache.flink.table.types.inference.StaticArgument;
import org.apache.flink.table.types.inference.StaticArgumentTrait;
import org.apache.flink.table.types.inference.TypeInference;
import org.apache.flink.table.types.inference.TypeStrategies;
import org.apache.flink.types.Row;

/**
 * {@code visits(...)}: the events of each visit, told when it is over, in the order of time.
 *
 * <pre>{@code
 * SELECT … FROM visits(
 *   input => TABLE events PARTITION BY (site, visitor_id),
 *   on_time => DESCRIPTOR(event_time),
 *   gap => INTERVAL '30' MINUTE,
 *   longest => INTERVAL '24' HOUR,
 *   most_events => 10000,
 *   allowed_lateness => INTERVAL '0' SECOND,
 *   uid => 'visits')
 * }</pre>
 *
 * <p>What a visit is, is in {@link Rules}; each event counts once, by its message id within its visitor, and one
 * without an id is in no visit. Beside the columns of the input each row has session_start, session_end, event_number
 * (from 1), event_count (of the visit), is_entry and is_exit (the first and the last page view; without any, the first
 * and the last event), and is_cut (the visit is over because it may not be longer). An event may come allowed_lateness
 * behind the watermark; what comes later is dropped, and counted in numLateRecordsDropped.
 */
public class Visits extends ProcessTableFunction<RowData> implements SpecializedFunction {

  private static final String HEADER = "visitor";
  private static final String EVENTS = "events";

  private final DataType input; // null until the call is known: then rows need not be converted
  private final Columns columns;
  private final Rules rules;
  private final long lateness;

  private transient EventFormat format;
  private transient RowData.FieldGetter[] getters;
  private transient Counter dropped;

  public Visits() {
    this(null, null, null, 0);
  }

  Visits(DataType input, Columns columns, Rules rules, long lateness) {
    this.input = input;
    this.columns = columns;
    this.rules = rules;
    this.lateness = lateness;
  }

  @Override
  public UserDefinedFunction specialize(SpecializedContext context) {
    CallContext call = context.getCallContext();
    TableSemantics table = call.getTableSemantics(0).orElseThrow();
    DataType input = table.dataType().bridgedTo(RowData.class);
    Rules rules = new Rules(millis(call, 1, "gap"), millis(call, 2, "longest"), count(call, 3, "most_events"));
    Columns columns = new Columns(input, table.partitionByColumns(), table.timeColumn());
    return new Visits(input, columns, rules, millis(call, 4, "allowed_lateness"));
  }

  private static long millis(CallContext call, int place, String name) {
    Duration given = call.getArgumentValue(place, Duration.class)
        .orElseThrow(() -> new ValidationException("visits() needs " + name + " as an INTERVAL: write it out"));
    return given.toMillis();
  }

  private static int count(CallContext call, int place, String name) {
    int given = call.getArgumentValue(place, Integer.class)
        .orElseThrow(() -> new ValidationException("visits() needs " + name + " as a number: write it out"));
    if (given < 1) {
      throw new ValidationException("visits() needs " + name + " of 1 and more, found " + given);
    }
    return given;
  }

  @Override
  public TypeInference getTypeInference(DataTypeFactory factory) {
    EnumSet<StaticArgumentTrait> traits = EnumSet.of(
        StaticArgumentTrait.TABLE, StaticArgumentTrait.SET_SEMANTIC_TABLE, StaticArgumentTrait.REQUIRE_ON_TIME);
    DataType interval = DataTypes.INTERVAL(DataTypes.SECOND(3)).bridgedTo(Duration.class);
    LinkedHashMap<String, StateTypeStrategy> states = new LinkedHashMap<>();
    // Kept by event time alone: with table.exec.state.ttl, a job that was down for longer would forget what is open.
    states.put(HEADER, StateTypeStrategy.of(
        TypeStrategies.explicit(DataTypes.ROW(DataTypes.FIELD("bytes", DataTypes.BYTES())).bridgedTo(Row.class)),
        Duration.ZERO));
    states.put(EVENTS, StateTypeStrategy.of(
        TypeStrategies.explicit(ListView.newListViewDataType(DataTypes.BYTES().notNull())), Duration.ZERO));
    return TypeInference.newBuilder()
        .staticArguments(
            input == null
                ? StaticArgument.table("input", Row.class, false, traits)
                : StaticArgument.table("input", input, false, traits),
            StaticArgument.scalar("gap", interval, false),
            StaticArgument.scalar("longest", interval, false),
            StaticArgument.scalar("most_events", DataTypes.INT(), false),
            StaticArgument.scalar("allowed_lateness", interval, false))
        .stateTypeStrategies(states)
        .outputTypeStrategy(Visits::output)
        .build();
  }

  private static Optional<DataType> output(CallContext call) {
    TableSemantics table = call.getTableSemantics(0).orElseThrow();
    Columns columns = new Columns(table.dataType(), table.partitionByColumns(), table.timeColumn());
    List<DataTypes.Field> fields = new ArrayList<>();
    List<DataType> types = table.dataType().getChildren();
    for (int place = 0; place < columns.places.length; place++) {
      // A column that comes later is NULL of the events before.
      fields.add(DataTypes.FIELD(columns.names.get(place), types.get(columns.places[place]).nullable()));
    }
    fields.add(DataTypes.FIELD("session_start", DataTypes.TIMESTAMP_LTZ(3).notNull()));
    fields.add(DataTypes.FIELD("session_end", DataTypes.TIMESTAMP_LTZ(3).notNull()));
    fields.add(DataTypes.FIELD("event_number", DataTypes.BIGINT().notNull()));
    fields.add(DataTypes.FIELD("event_count", DataTypes.BIGINT().notNull()));
    fields.add(DataTypes.FIELD("is_entry", DataTypes.BOOLEAN().notNull()));
    fields.add(DataTypes.FIELD("is_exit", DataTypes.BOOLEAN().notNull()));
    fields.add(DataTypes.FIELD("is_cut", DataTypes.BOOLEAN().notNull()));
    return Optional.of(DataTypes.ROW(fields).notNull().bridgedTo(RowData.class));
  }

  @Override
  public void open(FunctionContext context) {
    format = new EventFormat(columns);
    getters = new RowData.FieldGetter[columns.places.length];
    for (int place = 0; place < getters.length; place++) {
      getters[place] = RowData.createFieldGetter(columns.types.get(place), columns.places[place]);
    }
    dropped = context.getMetricGroup().counter("numLateRecordsDropped");
  }

  /** Keeps an event. Called by Flink. */
  public void eval(
      Context context, Row visitor, ListView<byte[]> events, RowData row, Duration gap, Duration longest,
      Integer mostEvents, Duration allowedLateness)
      throws Exception {
    if (row.isNullAt(columns.id)) {
      return;
    }
    TimeContext<Long> clock = context.timeContext(Long.class);
    Event event = event(row);
    if (event.time() <= known(clock)) {
      dropped.inc();
      return;
    }
    byte[] bytes = (byte[]) visitor.getField(0);
    Header header = bytes == null ? null : Header.of(bytes);
    if (header == null) {
      header = new Header(format.hash, timer(event.isAction() ? event.time() + rules.gap() : event.time()));
      clock.registerOnTime(header.timer);
      events.add(format.columns());
    } else if (header.columns != format.hash) {
      header = rewrite(format.read(events.get()), events, header.timer);
    }
    events.add(format.write(event, header));
    visitor.setField(0, header.toBytes());
  }

  private Event event(RowData row) {
    Object[] values = new Object[getters.length];
    for (int place = 0; place < values.length; place++) {
      values[place] = getters[place].getFieldOrNull(row);
    }
    long time = row.getTimestamp(columns.time, 3).getMillisecond();
    return new Event(time, row.getString(columns.id), isTrue(row, columns.isAction), values);
  }

  private static boolean isTrue(RowData row, int place) {
    return !row.isNullAt(place) && row.getBoolean(place);
  }

  /** Tells the visits that are over. Called by Flink. */
  public void onTimer(OnTimerContext context, Row visitor, ListView<byte[]> events) throws Exception {
    TimeContext<Long> clock = context.timeContext(Long.class);
    Rules.Split split = rules.split(format.read(events.get()), known(clock));
    split.over().forEach(this::tell);
    if (split.rest().isEmpty()) {
      context.clearState(HEADER);
      context.clearState(EVENTS);
      return;
    }
    Header header = rewrite(split.rest(), events, timer(split.next()));
    visitor.setField(0, header.toBytes());
    clock.registerOnTime(header.timer);
  }

  private Header rewrite(List<Event> rest, ListView<byte[]> events, long timer) throws Exception {
    Header header = new Header(format.hash, timer);
    List<byte[]> entries = new ArrayList<>(rest.size() + 1);
    entries.add(format.columns());
    for (Event event : rest) {
      entries.add(format.write(event, header));
    }
    events.clear();
    events.addAll(entries);
    return header;
  }

  /** All that happened up to this time, in ms, has arrived. */
  private long known(TimeContext<Long> clock) {
    Long watermark = clock.currentWatermark();
    return watermark == null || watermark == Long.MIN_VALUE
        ? Long.MIN_VALUE
        : watermark == Long.MAX_VALUE ? Long.MAX_VALUE : watermark - lateness;
  }

  /** When that is known which happened up to this time, in ms. */
  private long timer(long time) {
    return time + lateness;
  }

  private void tell(Visit visit) {
    int isPageView = columnOf(columns.isPageView);
    int[] pageViews = IntStream.range(0, visit.events().size())
        .filter(place -> Boolean.TRUE.equals(visit.events().get(place).values()[isPageView])).toArray();
    int entry = pageViews.length > 0 ? pageViews[0] : 0;
    int exit = pageViews.length > 0 ? pageViews[pageViews.length - 1] : visit.events().size() - 1;
    for (int place = 0; place < visit.events().size(); place++) {
      Object[] values = visit.events().get(place).values();
      GenericRowData row = new GenericRowData(values.length + 7);
      for (int column = 0; column < values.length; column++) {
        row.setField(column, values[column]);
      }
      row.setField(values.length, TimestampData.fromEpochMillis(visit.start()));
      row.setField(values.length + 1, TimestampData.fromEpochMillis(visit.end()));
      row.setField(values.length + 2, place + 1L);
      row.setField(values.length + 3, (long) visit.events().size());
      row.setField(values.length + 4, place == entry);
      row.setField(values.length + 5, place == exit);
      row.setField(values.length + 6, visit.isCut());
      collect(row);
    }
  }

  private int columnOf(int place) {
    for (int column = 0; column < columns.places.length; column++) {
      if (columns.places[column] == place) {
        return column;
      }
    }
    throw new IllegalStateException("no column of the input");
  }
}
