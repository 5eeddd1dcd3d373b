package footfall.flink.visits;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;

/**
 * The events of a visitor as a list of bytes that is only added to.
 *
 * <p>Its first entry says of which columns the events are, by the hashes of their names, so that events that were
 * stored before a column came or went are read after it: as NULL, or without it. A value that a visit repeats is
 * written once; the header knows it again by its hash.
 */
final class EventFormat {

  private static final int COLUMNS = 0;
  private static final int EVENT = 1;

  // How a value is written: not at all, in full, in full and known from then on, or as a place among those.
  private static final int NULL = 0;
  private static final int ONCE = 1;
  private static final int FIRST = 2;
  private static final int AGAIN = 3;
  private static final int SHORT_BYTES = 9; // no longer than what the header needs to know a value again

  /** Stands for the columns that an entry has in a header. */
  final int hash;

  private final Columns columns;
  private final DataOutputSerializer out = new DataOutputSerializer(1024);
  private final DataOutputSerializer value = new DataOutputSerializer(256);
  private final Map<Integer, Integer> placeByHash = new HashMap<>();
  private final int[] stored; // the places of the columns that an entry has; time and id stand at its beginning

  EventFormat(Columns columns) {
    this.columns = columns;
    for (String name : columns.names) {
      if (placeByHash.put(name.hashCode(), placeByHash.size()) != null) {
        throw new ValidationException("visits() can't tell the column " + name + " from another: rename it");
      }
    }
    stored =
        IntStream.range(0, columns.places.length)
            .filter(place -> columns.places[place] != columns.id && columns.places[place] != columns.time)
            .toArray();
    hash = IntStream.of(stored).mapToObj(columns.names::get).toList().hashCode();
  }

  /** The first entry of a list. */
  byte[] columns() throws IOException {
    out.clear();
    out.writeByte(COLUMNS);
    Values.writeLength(stored.length, out);
    for (int place : stored) {
      out.writeInt(columns.names.get(place).hashCode());
    }
    return out.getCopyOfBuffer();
  }

  /** The entry of an event; the header learns its values. */
  byte[] write(Event event, Header header) throws IOException {
    out.clear();
    out.writeByte(EVENT);
    out.writeLong(event.time());
    out.writeBoolean(event.isAction());
    byte[] id = event.id().toBytes();
    Values.writeLength(id.length, out);
    out.write(id);
    for (int place : stored) {
      write(event.values()[place], header);
    }
    return out.getCopyOfBuffer();
  }

  private void write(Object told, Header header) throws IOException {
    if (told == null) {
      out.writeByte(NULL);
      return;
    }
    value.clear();
    Values.write(told, value);
    int length = value.length();
    if (length > SHORT_BYTES) {
      long hash = hash(value.getSharedBuffer(), length);
      int place = header.placeOf(hash);
      if (place >= 0) {
        Values.writeLength(AGAIN + place, out);
        return;
      }
      out.writeByte(header.keeps(hash) ? FIRST : ONCE);
    } else {
      out.writeByte(ONCE);
    }
    out.write(value.getSharedBuffer(), 0, length);
  }

  /** All events of a list, in its order, with the values of these columns. */
  List<Event> read(Iterable<byte[]> entries) throws IOException {
    List<Event> events = new ArrayList<>();
    List<Object> known = new ArrayList<>();
    int[] places = {};
    DataInputDeserializer in = new DataInputDeserializer();
    for (byte[] entry : entries) {
      in.setBuffer(entry);
      if (in.readByte() == COLUMNS) {
        places = new int[Values.readLength(in)];
        for (int column = 0; column < places.length; column++) {
          places[column] = placeByHash.getOrDefault(in.readInt(), -1);
        }
        known.clear();
      } else {
        events.add(readEvent(in, places, known));
      }
    }
    return events;
  }

  private Event readEvent(DataInputDeserializer in, int[] places, List<Object> known) throws IOException {
    long time = in.readLong();
    boolean isAction = in.readBoolean();
    StringData id = StringData.fromBytes(Values.bytes(Values.readLength(in), in));
    Object[] values = new Object[columns.places.length];
    for (int place : places) {
      Object told = readValue(in, known);
      if (place >= 0) {
        values[place] = Values.as(columns.types.get(place), told);
      }
    }
    for (int place = 0; place < values.length; place++) {
      if (columns.places[place] == columns.id) {
        values[place] = id;
      } else if (columns.places[place] == columns.time) {
        values[place] = TimestampData.fromEpochMillis(time);
      }
    }
    return new Event(time, id, isAction, values);
  }

  private static Object readValue(DataInputDeserializer in, List<Object> known) throws IOException {
    int how = Values.readLength(in);
    switch (how) {
      case NULL:
        return null;
      case ONCE:
        return Values.read(in);
      case FIRST:
        Object first = Values.read(in);
        known.add(first);
        return first;
      default:
        return known.get(how - AGAIN);
    }
  }

  /** 64 bits of FNV-1a, mixed. */
  private static long hash(byte[] bytes, int length) {
    long hash = 0xcbf29ce484222325L;
    for (int place = 0; place < length; place++) {
      hash = (hash ^ bytes[place]) * 0x100000001b3L;
    }
    hash = (hash ^ hash >>> 32) * 0xd6e8feb86659fd93L;
    return hash ^ hash >>> 32;
  }
}
