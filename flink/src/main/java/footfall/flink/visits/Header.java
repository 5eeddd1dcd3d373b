package footfall.flink.visits;

import java.io.IOException;
import java.util.Arrays;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;

/** What is kept of a visitor beside the events, and read with each of them: so it is small. */
final class Header {

  /** So many values are known again; a visit of more distinct ones writes the others in full. */
  static final int MOST_VALUES = 255;

  private static final int VERSION = 1;
  private static final int FIXED_BYTES = 19;

  /** Of which columns the events are; an event of others is not added to them. */
  final int columns;

  /** The event time in ms at which the visitor is looked at again. */
  long timer;

  private long[] hashes = new long[16];
  private int count;

  Header(int columns, long timer) {
    this.columns = columns;
    this.timer = timer;
  }

  /** The place of a value that was written before; -1 for one that was not. */
  int placeOf(long hash) {
    for (int place = 0; place < count; place++) {
      if (hashes[place] == hash) {
        return place;
      }
    }
    return -1;
  }

  /** Whether a value was given the next place. */
  boolean keeps(long hash) {
    if (count == MOST_VALUES) {
      return false;
    }
    if (count == hashes.length) {
      hashes = Arrays.copyOf(hashes, 2 * count);
    }
    hashes[count++] = hash;
    return true;
  }

  byte[] toBytes() throws IOException {
    DataOutputSerializer out = new DataOutputSerializer(FIXED_BYTES + 8 * count);
    out.writeByte(VERSION);
    out.writeInt(columns);
    out.writeLong(timer);
    out.writeShort(count);
    for (int place = 0; place < count; place++) {
      out.writeLong(hashes[place]);
    }
    return out.getCopyOfBuffer();
  }

  static Header of(byte[] bytes) throws IOException {
    DataInputDeserializer in = new DataInputDeserializer(bytes);
    int version = in.readByte();
    if (version != VERSION) {
      throw new IOException("a visit is stored in format " + version + ", and this is written for " + VERSION);
    }
    Header header = new Header(in.readInt(), in.readLong());
    header.count = in.readShort();
    header.hashes = new long[Math.max(16, header.count)];
    for (int place = 0; place < header.count; place++) {
      header.hashes[place] = in.readLong();
    }
    return header;
  }
}
