package footfall.flink.postgres;

import java.util.List;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.table.data.RowData;

/** What a job carries of the sink: where it writes, and how much at once. */
record PostgresSink(Database database, Table table, List<ColumnText> texts, int maxRows, long intervalMillis)
    implements Sink<RowData> {

  @Override
  public SinkWriter<RowData> createWriter(WriterInitContext context) {
    return new PostgresWriter(this, context.getProcessingTimeService(), context.metricGroup());
  }
}
