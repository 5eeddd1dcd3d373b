package footfall.flink.postgres;

/** An array in the words of Postgres. */
final class ArrayText {

  private ArrayText() {}

  interface Values {
    /** The text of the value at that place; null for NULL. */
    String at(int place);
  }

  /** {@code {"a","b",NULL}}, of so many values. */
  static String of(int count, Values values) {
    StringBuilder text = new StringBuilder(count * 16).append('{');
    for (int place = 0; place < count; place++) {
      if (place > 0) {
        text.append(',');
      }
      String value = values.at(place);
      if (value == null) {
        text.append("NULL");
      } else {
        quote(value, text);
      }
    }
    return text.append('}').toString();
  }

  private static void quote(String value, StringBuilder text) {
    text.append('"');
    if (value.indexOf('"') < 0 && value.indexOf('\\') < 0) {
      text.append(value);
    } else {
      for (int i = 0; i < value.length(); i++) {
        char c = value.charAt(i);
        if (c == '"' || c == '\\') {
          text.append('\\');
        }
        text.append(c);
      }
    }
    text.append('"');
  }
}
