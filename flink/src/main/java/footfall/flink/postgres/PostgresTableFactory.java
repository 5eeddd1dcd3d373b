package footfall.flink.postgres;

import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.catalog.Column;
import org.apache.flink.table.catalog.ResolvedSchema;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.FactoryUtil;

/**
 * {@code 'connector' = 'postgres'}: rows are upserted by the primary key that the table declares, at least once.
 *
 * <p>A row that Postgres refuses goes to the table refused_rows; whatever else fails is waited for and tried again.
 */
public class PostgresTableFactory implements DynamicTableSinkFactory {

  private static final ConfigOption<String> URL = ConfigOptions.key("url").stringType().noDefaultValue()
      .withDescription("jdbc:postgresql://HOST:PORT/DATABASE, with any parameter of the PostgreSQL JDBC driver.");
  private static final ConfigOption<String> TABLE_NAME = ConfigOptions.key("table-name").stringType().noDefaultValue()
      .withDescription("Table, or schema.table, as Postgres writes it: case matters.");
  private static final ConfigOption<String> USERNAME = ConfigOptions.key("username").stringType().noDefaultValue()
      .withDescription("Role that writes.");
  private static final ConfigOption<String> PASSWORD = ConfigOptions.key("password").stringType().noDefaultValue()
      .withDescription("Its password.");
  private static final ConfigOption<Integer> MAX_ROWS =
      ConfigOptions.key("sink.buffer-flush.max-rows").intType().defaultValue(5000)
          .withDescription("Rows that are written at once, at most.");
  private static final ConfigOption<Duration> INTERVAL =
      ConfigOptions.key("sink.buffer-flush.interval").durationType().defaultValue(Duration.ofSeconds(1))
          .withDescription("How long a row waits for others, at most.");

  @Override
  public String factoryIdentifier() {
    return "postgres";
  }

  @Override
  public Set<ConfigOption<?>> requiredOptions() {
    return Set.of(URL, TABLE_NAME);
  }

  @Override
  public Set<ConfigOption<?>> optionalOptions() {
    return Set.of(USERNAME, PASSWORD, MAX_ROWS, INTERVAL, FactoryUtil.SINK_PARALLELISM);
  }

  @Override
  public DynamicTableSink createDynamicTableSink(Context context) {
    FactoryUtil.TableFactoryHelper helper = FactoryUtil.createTableFactoryHelper(this, context);
    helper.validate();
    ReadableConfig options = helper.getOptions();
    ResolvedSchema schema = context.getCatalogTable().getResolvedSchema();
    String name = context.getObjectIdentifier().getObjectName();
    if (!options.get(URL).startsWith("jdbc:postgresql:")) {
      throw new ValidationException("'url' of " + name + " is no address of PostgreSQL: write jdbc:postgresql://…");
    }
    if (options.get(MAX_ROWS) < 1 || options.get(INTERVAL).toMillis() < 1) {
      throw new ValidationException("'sink.buffer-flush.…' of " + name + ": write at least one row, and 1 ms");
    }
    List<String> key = schema.getPrimaryKey()
        .orElseThrow(() -> new ValidationException(
            name + " has no key: write PRIMARY KEY (…) NOT ENFORCED, the columns that make a row one"))
        .getColumns();
    List<Column> columns = schema.getColumns().stream().filter(Column::isPersisted).toList();
    List<ColumnText> texts = columns.stream()
        .map(column -> ColumnText.of(column.getName(), column.getDataType().getLogicalType()))
        .toList();
    PostgresSink sink = new PostgresSink(
        new Database(options.get(URL), options.get(USERNAME), options.get(PASSWORD)),
        new Table(options.get(TABLE_NAME), columns.stream().map(Column::getName).toList(), key), texts,
        options.get(MAX_ROWS), options.get(INTERVAL).toMillis());
    return new PostgresTableSink(sink, options.getOptional(FactoryUtil.SINK_PARALLELISM).orElse(null));
  }
}
