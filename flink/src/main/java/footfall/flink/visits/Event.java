package footfall.flink.visits;

import java.util.Comparator;
import org.apache.flink.table.data.StringData;

/**
 * An event of one visitor as the operator keeps it.
 *
 * @param time when it happened, Unix time in ms
 * @param id its message id; a second event of the same visitor with this id is a copy
 * @param isAction whether it is an act of the visitor; what a page reports by itself is none
 * @param values what is told of it, in the order of the columns of its reader, in Flink's internal types
 */
record Event(long time, StringData id, boolean isAction, Object[] values) {

  /** The order in which a visit tells its events: by time, those of the same millisecond by message id. */
  static final Comparator<Event> ORDER = Comparator.comparingLong(Event::time).thenComparing(Event::id);
}
