package footfall.flink.files;

import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.FactoryUtil;

/**
 * {@code 'connector' = 'upsert-files'}: the sink of {@code 'filesystem'} with the changelog of our Postgres sink.
 *
 * <p>What tests of SQL write to. An INSERT … ON CONFLICT plans only into a sink that takes upserts, and files with
 * debezium-json ask for retractions instead.
 */
public class UpsertFilesFactory implements DynamicTableSinkFactory {

  @Override
  public String factoryIdentifier() {
    return "upsert-files";
  }

  @Override
  public Set<ConfigOption<?>> requiredOptions() {
    return Set.of();
  }

  @Override
  public Set<ConfigOption<?>> optionalOptions() {
    return Set.of();
  }

  @Override
  public DynamicTableSink createDynamicTableSink(Context context) {
    DynamicTableSinkFactory files =
        FactoryUtil.discoverFactory(context.getClassLoader(), DynamicTableSinkFactory.class, "filesystem");
    return new UpsertSink(files.createDynamicTableSink(context));
  }

  private record UpsertSink(DynamicTableSink files) implements DynamicTableSink {

    @Override
    public ChangelogMode getChangelogMode(ChangelogMode requested) {
      return ChangelogMode.upsert(false);
    }

    @Override
    public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
      return files.getSinkRuntimeProvider(context);
    }

    @Override
    public DynamicTableSink copy() {
      return new UpsertSink(files.copy());
    }

    @Override
    public String asSummaryString() {
      return "files of upserts";
    }
  }
}
