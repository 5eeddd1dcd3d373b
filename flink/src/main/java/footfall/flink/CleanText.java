package footfall.flink;

import java.nio.charset.StandardCharsets;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.binary.BinaryStringData;
import org.apache.flink.table.functions.ScalarFunction;

/**
 * {@code clean_text(text, bytes)}: a text as Postgres can hold it, of at most so many bytes of UTF-8; NULL of NULL.
 *
 * <p>Cut at a character's end. U+0000, which Postgres can't hold, is left out; half of a surrogate pair, which UTF-8
 * can't hold, reads as a question mark, as in all that Flink writes. A text that is good already, as nearly all are, is
 * handed back as it is: neither copied nor decoded.
 */
public class CleanText extends ScalarFunction {

  public @DataTypeHint(value = "STRING", bridgedTo = StringData.class) StringData eval(
      @DataTypeHint(value = "STRING", bridgedTo = StringData.class) StringData text, int bytes) {
    if (text == null || isGood((BinaryStringData) text, bytes)) {
      return text;
    }
    // As bytes: a text in which half a pair is all that was mended is equal to what Flink writes of it.
    return StringData.fromBytes(cleaned(text.toString(), bytes).getBytes(StandardCharsets.UTF_8));
  }

  private static boolean isGood(BinaryStringData text, int bytes) {
    // A text is held as Java has it, as bytes, or as both; of what comes from JSON there are no bytes yet.
    return text.getJavaObject() != null
        ? isGood(text.getJavaObject(), bytes)
        : text.getSizeInBytes() <= bytes && !holdsNul(text);
  }

  private static boolean isGood(String text, int bytes) {
    int length = text.length();
    int left = bytes - length;
    for (int place = 0; place < length && left >= 0; place++) {
      char unit = text.charAt(place);
      if (unit == 0) {
        return false;
      } else if (unit >= 0x80) {
        if (!Character.isSurrogate(unit)) {
          left -= unit < 0x800 ? 1 : 2;
        } else if (isPair(text, place)) {
          place++;
          left -= 2;
        } else {
          return false;
        }
      }
    }
    return left >= 0;
  }

  private static boolean holdsNul(BinaryStringData text) {
    for (int place = 0; place < text.getSizeInBytes(); place++) {
      if (text.byteAt(place) == 0) {
        return true;
      }
    }
    return false;
  }

  private static String cleaned(String text, int bytes) {
    StringBuilder clean = new StringBuilder(Math.min(text.length(), bytes));
    int left = bytes;
    for (int place = 0; place < text.length(); place++) {
      char unit = text.charAt(place);
      boolean isPair = isPair(text, place);
      left -= unit == 0 ? 0 : isPair ? 4 : unit < 0x80 || Character.isSurrogate(unit) ? 1 : unit < 0x800 ? 2 : 3;
      if (left < 0) {
        break;
      }
      if (isPair) {
        clean.append(unit).append(text.charAt(++place));
      } else if (unit != 0) {
        clean.append(Character.isSurrogate(unit) ? '?' : unit);
      }
    }
    return clean.toString();
  }

  private static boolean isPair(String text, int place) {
    return Character.isHighSurrogate(text.charAt(place))
        && place + 1 < text.length()
        && Character.isLowSurrogate(text.charAt(place + 1));
  }
}
