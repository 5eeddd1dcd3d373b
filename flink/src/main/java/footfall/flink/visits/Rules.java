package footfall.flink.visits;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.flink.table.data.StringData;

/**
 * What a visit is.
 *
 * <p>An act that comes no more than the gap after the act before goes on with its visit; any other begins one. What is
 * no act belongs to the visit that is open at its time, and where none is, to none. A visit that lasts as long, or has
 * as many events, as a visit may is cut: the next act begins another.
 *
 * @param gap between two acts of a visit, at most, in ms
 * @param longest less than this lie between the first and the last event of a visit, in ms
 * @param mostEvents of a visit
 */
record Rules(long gap, long longest, int mostEvents) implements Serializable {

  /**
   * What is known of a visitor, split.
   *
   * @param over the visits that nothing can change any more, in the order of time
   * @param rest events that may yet belong to a visit that is not over, in the order in which they were given
   * @param next the time that must be known of before more can be over; {@code Long.MAX_VALUE} without any rest
   */
  record Split(List<Visit> over, List<Event> rest, long next) {}

  /** Splits events, given in the order of their arrival, when all that happened up to {@code known} has arrived. */
  Split split(List<Event> arrived, long known) {
    List<Event> once = withoutCopies(arrived);
    List<Event> inOrder = new ArrayList<>(once);
    inOrder.sort(Event.ORDER);
    List<Visit> over = new ArrayList<>();
    Visit open = null;
    int place = 0;
    int begun = 0; // where the visit that is open has begun
    for (; place < inOrder.size(); place++) {
      Event event = inOrder.get(place);
      if (open != null && event.time() - open.lastAction() > gap) {
        if (open.lastAction() + gap > known) {
          break;
        }
        over.add(open);
        open = null;
      }
      if (event.time() > known) {
        break; // others may come before it
      }
      if (open != null && isFull(open, event)) {
        if (!event.isAction()) {
          continue;
        }
        over.add(open.cut());
        open = null;
      }
      if (open == null && event.isAction()) {
        open = new Visit();
        begun = place;
      }
      if (open != null) {
        open.add(event);
      }
    }
    if (open != null && open.lastAction() + gap <= known) {
      over.add(open);
      open = null;
    }
    Set<StringData> done = new HashSet<>();
    for (Event event : inOrder.subList(0, open != null ? begun : place)) {
      done.add(event.id());
    }
    List<Event> rest = once.stream().filter(event -> !done.contains(event.id())).toList();
    long next = open != null ? open.lastAction() + gap : Long.MAX_VALUE;
    if (open == null && !rest.isEmpty()) {
      Event first = inOrder.get(place);
      next = first.isAction() ? first.time() + gap : first.time();
    }
    return new Split(over, rest, next);
  }

  private boolean isFull(Visit open, Event next) {
    return next.time() - open.start() >= longest || open.events().size() >= mostEvents;
  }

  private static List<Event> withoutCopies(List<Event> arrived) {
    Set<StringData> seen = new HashSet<>();
    List<Event> once = new ArrayList<>(arrived.size());
    for (Event event : arrived) {
      if (seen.add(event.id())) {
        once.add(event);
      }
    }
    return once;
  }
}
