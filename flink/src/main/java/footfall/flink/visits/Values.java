package footfall.flink.visits;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;

/** Values of columns as bytes that say of which kind they are, so that they outlive the type of their column. */
final class Values {

  private static final int TRUE = 1;
  private static final int FALSE = 2;
  private static final int NUMBER = 3;
  private static final int REAL = 4;
  private static final int TEXT = 5;
  private static final int DECIMAL = 6;
  private static final int TIME = 7;

  private Values() {}

  /** Whether columns of this type can be kept. */
  static boolean canKeep(LogicalType type) {
    return switch (type.getTypeRoot()) {
      case BOOLEAN, TINYINT, SMALLINT, INTEGER, BIGINT, DOUBLE, CHAR, VARCHAR, DECIMAL, TIMESTAMP_WITHOUT_TIME_ZONE,
          TIMESTAMP_WITH_LOCAL_TIME_ZONE -> true;
      default -> false;
    };
  }

  static void write(Object value, DataOutput out) throws IOException {
    if (value instanceof StringData text) {
      byte[] bytes = text.toBytes();
      out.writeByte(TEXT);
      writeLength(bytes.length, out);
      out.write(bytes);
    } else if (value instanceof Boolean flag) {
      out.writeByte(flag ? TRUE : FALSE);
    } else if (value instanceof TimestampData time) {
      out.writeByte(TIME);
      out.writeLong(time.getMillisecond());
      out.writeInt(time.getNanoOfMillisecond());
    } else if (value instanceof DecimalData number) {
      byte[] digits = number.toBigDecimal().unscaledValue().toByteArray();
      out.writeByte(DECIMAL);
      out.writeByte(number.scale());
      out.writeByte(digits.length);
      out.write(digits);
    } else if (value instanceof Double number) {
      out.writeByte(REAL);
      out.writeDouble(number);
    } else {
      out.writeByte(NUMBER);
      out.writeLong(((Number) value).longValue());
    }
  }

  /** The next value, in Flink's internal form but for numbers, of which it is a Long or a Double. */
  static Object read(DataInput in) throws IOException {
    int kind = in.readByte();
    switch (kind) {
      case TRUE:
        return true;
      case FALSE:
        return false;
      case NUMBER:
        return in.readLong();
      case REAL:
        return in.readDouble();
      case TEXT:
        return StringData.fromBytes(bytes(readLength(in), in));
      case DECIMAL:
        int scale = in.readByte();
        return new BigDecimal(new BigInteger(bytes(in.readByte(), in)), scale);
      case TIME:
        return TimestampData.fromEpochMillis(in.readLong(), in.readInt());
      default:
        throw new IOException("a visit holds a value of kind " + kind + ", which a newer version has written");
    }
  }

  /** A value that was read as one of a type; NULL where it is none of it: the column had another one then. */
  static Object as(LogicalType type, Object value) {
    return switch (type.getTypeRoot()) {
      case BOOLEAN -> value instanceof Boolean ? value : null;
      case TINYINT -> value instanceof Long number ? (Object) number.byteValue() : null;
      case SMALLINT -> value instanceof Long number ? (Object) number.shortValue() : null;
      case INTEGER -> value instanceof Long number ? (Object) number.intValue() : null;
      case BIGINT -> value instanceof Long ? value : null;
      case DOUBLE -> value instanceof Double ? value : null;
      case CHAR, VARCHAR -> value instanceof StringData ? value : null;
      case DECIMAL -> value instanceof BigDecimal number ? decimal((DecimalType) type, number) : null;
      case TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE -> value instanceof TimestampData ? value : null;
      default -> null;
    };
  }

  private static DecimalData decimal(DecimalType type, BigDecimal number) {
    return DecimalData.fromBigDecimal(number, type.getPrecision(), type.getScale());
  }

  /** A number of 0 and more in as few bytes as it needs, seven bits in each. */
  static void writeLength(int number, DataOutput out) throws IOException {
    int rest = number;
    for (; rest >= 0x80; rest >>>= 7) {
      out.writeByte(rest | 0x80);
    }
    out.writeByte(rest);
  }

  static int readLength(DataInput in) throws IOException {
    int number = 0;
    for (int shift = 0; ; shift += 7) {
      int next = in.readByte();
      number |= (next & 0x7f) << shift;
      if (next >= 0) {
        return number;
      }
    }
  }

  static byte[] bytes(int length, DataInput in) throws IOException {
    byte[] bytes = new byte[length];
    in.readFully(bytes);
    return bytes;
  }
}
