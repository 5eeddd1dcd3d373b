package footfall.flink.postgres;

import java.io.Serializable;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.HexFormat;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LocalZonedTimestampType;
import org.apache.flink.table.types.logical.TimestampType;

/** A value of Flink's in the words of Postgres, which reads it as the type of its own column. */
interface ColumnText extends Serializable {

  /** The text of the value at that place, which is not NULL. */
  String read(RowData row, int place);

  /** That of a column. A time without a zone is in UTC, as all of ours are. */
  static ColumnText of(String column, LogicalType type) {
    switch (type.getTypeRoot()) {
      case CHAR:
      case VARCHAR:
        return (row, place) -> row.getString(place).toString();
      case BOOLEAN:
        return (row, place) -> row.getBoolean(place) ? "t" : "f";
      case TINYINT:
        return (row, place) -> Byte.toString(row.getByte(place));
      case SMALLINT:
        return (row, place) -> Short.toString(row.getShort(place));
      case INTEGER:
        return (row, place) -> Integer.toString(row.getInt(place));
      case BIGINT:
        return (row, place) -> Long.toString(row.getLong(place));
      case FLOAT:
        return (row, place) -> Float.toString(row.getFloat(place));
      case DOUBLE:
        return (row, place) -> Double.toString(row.getDouble(place));
      case DECIMAL:
        DecimalType decimal = (DecimalType) type;
        int digits = decimal.getPrecision();
        int scale = decimal.getScale();
        return (row, place) -> row.getDecimal(place, digits, scale).toBigDecimal().toPlainString();
      case DATE:
        return (row, place) -> LocalDate.ofEpochDay(row.getInt(place)).toString();
      case TIME_WITHOUT_TIME_ZONE:
        return (row, place) -> LocalTime.ofNanoOfDay(row.getInt(place) * 1_000_000L).toString();
      case TIMESTAMP_WITHOUT_TIME_ZONE:
        int fraction = ((TimestampType) type).getPrecision();
        return (row, place) -> row.getTimestamp(place, fraction).toLocalDateTime() + "Z";
      case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
        int parts = ((LocalZonedTimestampType) type).getPrecision();
        return (row, place) -> row.getTimestamp(place, parts).toLocalDateTime() + "Z";
      case BINARY:
      case VARBINARY:
        return (row, place) -> "\\x" + HexFormat.of().formatHex(row.getBinary(place));
      default:
        throw new ValidationException("found " + column + " " + type.asSummaryString()
            + ", which can't be written to Postgres: write STRING or columns of their own");
    }
  }
}
