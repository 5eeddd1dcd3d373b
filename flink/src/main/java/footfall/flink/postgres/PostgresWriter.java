package footfall.flink.postgres;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.apache.flink.table.data.RowData;
import org.apache.flink.types.RowKind;

/**
 * A subtask's part of the sink. While one backlog of rows is written, by a thread of its own, the next is collected; the
 * task waits where that is full too, and at a checkpoint until all is written. It can be interrupted wherever it waits.
 */
final class PostgresWriter implements SinkWriter<RowData> {

  private final List<ColumnText> texts;
  private final int[] keyPlaces;
  private final Backlog backlog;
  private final PatientConnection connection;
  private final ExecutorService thread;
  private final ProcessingTimeService clock;
  private final long intervalMillis;
  private final Counter sent;
  private final Counter refused;
  private Future<?> written = CompletableFuture.completedFuture(null);

  PostgresWriter(PostgresSink sink, ProcessingTimeService clock, SinkWriterMetricGroup metrics) {
    Table table = sink.table();
    texts = sink.texts();
    keyPlaces = table.key().stream().mapToInt(table.columns()::indexOf).toArray();
    backlog = new Backlog(sink.maxRows());
    connection = new PatientConnection(sink.database(), table);
    thread = Executors.newSingleThreadExecutor(task -> {
      Thread made = new Thread(task, "writes " + table.name());
      made.setDaemon(true);
      return made;
    });
    this.clock = clock;
    intervalMillis = sink.intervalMillis();
    sent = metrics.getNumRecordsSendCounter();
    refused = metrics.getNumRecordsSendErrorsCounter();
    metrics.gauge("waitedMillis", connection::waitedMillis);
    tick();
  }

  @Override
  public void write(RowData row, Context context) throws IOException, InterruptedException {
    backlog.add(row(row));
    if (backlog.isFull()) {
      await();
      send();
    }
  }

  @Override
  public void flush(boolean endOfInput) throws IOException, InterruptedException {
    await();
    if (!backlog.isEmpty()) {
      send();
      await();
    }
  }

  @Override
  public void close() {
    thread.shutdownNow();
    connection.close();
  }

  private Row row(RowData row) {
    String[] values = new String[texts.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = row.isNullAt(i) ? null : texts.get(i).read(row, i);
    }
    String[] key = new String[keyPlaces.length];
    for (int i = 0; i < key.length; i++) {
      key[i] = values[keyPlaces[i]];
    }
    RowKind kind = row.getRowKind();
    return new Row(List.of(key), values, kind == RowKind.DELETE || kind == RowKind.UPDATE_BEFORE);
  }

  private void tick() {
    clock.registerTimer(clock.getCurrentProcessingTime() + intervalMillis, time -> {
      if (written.isDone() && !backlog.isEmpty()) {
        await();
        send();
      }
      tick();
    });
  }

  private void send() {
    List<Row> rows = backlog.take();
    sent.inc(rows.size());
    written = thread.submit(() -> {
      refused.inc(connection.write(rows));
      return null;
    });
  }

  private void await() throws IOException, InterruptedException {
    try {
      written.get();
    } catch (ExecutionException error) {
      throw new IOException("rows could not be written", error.getCause());
    }
  }
}
