package footfall.flink.visits;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.RowType;

/** Where in a row of the input everything is that the operator looks at. */
final class Columns implements Serializable {

  /** The columns that the input must have. */
  static final String ID = "message_id";

  static final String IS_ACTION = "is_action";
  static final String IS_PAGE_VIEW = "is_page_view";

  final int time;
  final int id;
  final int isAction;
  final int isPageView;

  /** The places, names and types of the columns that are told again: all but those of PARTITION BY. */
  final int[] places;

  final List<String> names = new ArrayList<>();
  final List<LogicalType> types = new ArrayList<>();

  /** Raises ValidationException where a column is missing, of another type, or of one that can't be kept. */
  Columns(DataType input, int[] partitionBy, int time) {
    RowType row = (RowType) input.getLogicalType();
    this.time = time;
    this.id = place(row, ID, LogicalTypeRoot.VARCHAR, "a STRING, the same in each copy of an event");
    this.isAction = place(row, IS_ACTION, LogicalTypeRoot.BOOLEAN, "a BOOLEAN, whether the visitor acted");
    this.isPageView = place(row, IS_PAGE_VIEW, LogicalTypeRoot.BOOLEAN, "a BOOLEAN, whether a page was viewed");
    List<Integer> kept = new ArrayList<>();
    for (int place = 0; place < row.getFieldCount(); place++) {
      if (!contains(partitionBy, place)) {
        LogicalType type = row.getTypeAt(place);
        if (!Values.canKeep(type)) {
          throw new ValidationException(
              "visits() can't keep " + row.getFieldNames().get(place) + ", a " + type.asSummaryString()
                  + ": leave it out of the view that it reads, or make a STRING of it");
        }
        kept.add(place);
        names.add(row.getFieldNames().get(place));
        types.add(type);
      }
    }
    places = kept.stream().mapToInt(Integer::intValue).toArray();
  }

  private static int place(RowType row, String name, LogicalTypeRoot type, String what) {
    int place = row.getFieldIndex(name);
    if (place < 0 || row.getTypeAt(place).getTypeRoot() != type) {
      throw new ValidationException("visits() needs a column " + name + ": " + what);
    }
    return place;
  }

  private static boolean contains(int[] places, int wanted) {
    for (int place : places) {
      if (place == wanted) {
        return true;
      }
    }
    return false;
  }
}
