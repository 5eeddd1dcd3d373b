package footfall.flink.visits;

import java.util.ArrayList;
import java.util.List;

/** The events of one visit, in the order of time; the first is an act. */
final class Visit {

  private final List<Event> events = new ArrayList<>();
  private long lastAction;
  private boolean isCut;

  void add(Event event) {
    events.add(event);
    if (event.isAction()) {
      lastAction = event.time();
    }
  }

  /** The same, which is over because it may not be longer. */
  Visit cut() {
    isCut = true;
    return this;
  }

  List<Event> events() {
    return events;
  }

  long start() {
    return events.get(0).time();
  }

  long end() {
    return events.get(events.size() - 1).time();
  }

  long lastAction() {
    return lastAction;
  }

  boolean isCut() {
    return isCut;
  }
}
