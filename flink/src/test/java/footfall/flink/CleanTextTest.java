package footfall.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.binary.BinaryStringData;
import org.junit.jupiter.api.Test;

class CleanTextTest {

  private final CleanText function = new CleanText();

  /** What the function's comment says, one code point after the other. */
  private static String reference(String text, int bytes) {
    StringBuilder clean = new StringBuilder();
    for (int point : text.codePoints().toArray()) {
      String next = point == 0 ? "" : Character.getType(point) == Character.SURROGATE ? "?" : Character.toString(point);
      if ((clean + next).getBytes(StandardCharsets.UTF_8).length > bytes) {
        break;
      }
      clean.append(next);
    }
    return clean.toString();
  }

  private void check(String text, int bytes) {
    String expected = reference(text, bytes);
    assertEquals(expected, function.eval(StringData.fromString(text), bytes).toString(), text + " " + bytes);
    // As bytes, and as both: what has been through Flink's state or network, and what was compared before.
    BinaryStringData read = BinaryStringData.fromBytes(text.getBytes(StandardCharsets.UTF_8));
    assertEquals(expected, function.eval(read, bytes).toString());
    BinaryStringData both = BinaryStringData.fromString(text);
    both.ensureMaterialized();
    StringData clean = function.eval(both, bytes);
    assertEquals(expected, clean.toString());
    assertEquals(expected, new String(clean.toBytes(), StandardCharsets.UTF_8));
  }

  @Test
  void everyPlaneIsCutAtEveryPlace() {
    String one = "a\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff";
    StringBuilder planes = new StringBuilder(one);
    for (int plane = 1; plane <= 16; plane++) {
      planes.appendCodePoint(plane * 0x10000).appendCodePoint(plane * 0x10000 + 0xffff).append('x');
    }
    int length = planes.toString().getBytes(StandardCharsets.UTF_8).length;
    for (int bytes = 0; bytes <= length + 1; bytes++) {
      check(planes.toString(), bytes);
    }
  }

  @Test
  void randomTextsAreWhatTheReferenceSays() {
    Random random = new Random(18);
    int[] ends = {1, 0x80, 0x800, 0x10000, 0x110000};
    for (int round = 0; round < 20_000; round++) {
      StringBuilder text = new StringBuilder();
      for (int count = random.nextInt(12); count > 0; count--) {
        int end = ends[random.nextInt(ends.length)];
        text.appendCodePoint(random.nextInt(end));
        if (random.nextInt(20) == 0) {
          text.append((char) (0xd800 + random.nextInt(0x800)));
        }
      }
      check(text.toString(), random.nextInt(30));
    }
  }

  @Test
  void halvesOfPairsAreQuestionMarks() {
    assertEquals("a?b?", function.eval(StringData.fromString("a\ud83db\ude00"), 10).toString());
    assertEquals("??", function.eval(StringData.fromString("\ude00\ud83d"), 10).toString());
    assertEquals("?\ud83d\ude00", function.eval(StringData.fromString("\ud83d\ud83d\ude00"), 10).toString());
  }

  @Test
  void aTextIsEqualToItselfCleanedUnlessItIsCutOrHoldsNul() {
    for (String text : new String[] {"a", "a\ud83db", "\ud83d\ude00"}) {
      for (boolean isRead : new boolean[] {false, true}) {
        BinaryStringData given = BinaryStringData.fromString(text);
        if (isRead) {
          given = BinaryStringData.fromBytes(given.toBytes());
        }
        assertEquals(given, function.eval(given, 4));
        assertEquals(function.eval(given, 4), given);
        assertNotEquals(given, function.eval(given, 0));
      }
    }
    BinaryStringData nul = BinaryStringData.fromString("a\u0000");
    assertNotEquals(nul, function.eval(nul, 4));
  }

  @Test
  void whatIsGoodIsHandedBackAsItIs() {
    StringData text = StringData.fromString("Überall \ud83d\ude00");
    assertSame(text, function.eval(text, 14));
    StringData read = StringData.fromBytes("Überall".getBytes(StandardCharsets.UTF_8));
    assertSame(read, function.eval(read, 8));
    assertNull(function.eval(null, 8));
  }
}
