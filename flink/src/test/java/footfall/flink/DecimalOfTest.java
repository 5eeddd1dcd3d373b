package footfall.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.Random;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.StringData;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;

class DecimalOfTest {

  private final DecimalOf function = new DecimalOf();

  private BigDecimal of(String text) {
    DecimalData number = function.eval(StringData.fromString(text));
    return number == null ? null : number.toBigDecimal();
  }

  @Test
  void numbersAreRoundedHalfUp() {
    Random random = new Random(18);
    for (int round = 0; round < 20_000; round++) {
      BigDecimal number = new BigDecimal(random.nextLong()).movePointLeft(random.nextInt(40) - 10);
      assertEquals(number.setScale(9, RoundingMode.HALF_UP), of(random.nextBoolean() ? number.toString() : number.toPlainString()));
    }
    assertEquals(new BigDecimal("0.000000001"), of("0.0000000005"));
    assertEquals(new BigDecimal("0E-9"), of("-0.00000000049"));
    assertEquals(new BigDecimal("19.990000000"), of("19.99"));
    assertEquals(new BigDecimal("12500000.000000000"), of("1.25E7"));
  }

  @Test
  void whatIsNoNumberIsNull() {
    assertNull(function.eval(null));
    for (String text : new String[] {"", " ", "x", "NaN", "Infinity", "1,5", "0x10", "true", "{\"a\":1}", "[1]", "1 "}) {
      assertNull(of(text), text);
    }
    assertNull(of("1e29"));
    assertNull(of("-99999999999999999999999999999.9999999995"));
    assertEquals(new BigDecimal("99999999999999999999999999999.000000000"), of("99999999999999999999999999999"));
  }

  @Test
  void noExponentTakesLong() {
    Assertions.assertTimeout(Duration.ofSeconds(1), () -> {
      for (String text : new String[] {"1e100000000", "-1e2147483647", "9E+600000000", "1e99999999999", "9".repeat(1_000_000)}) {
        assertNull(of(text), text);
      }
      for (String text : new String[] {"1e-100000000", "-5e-2147483647", "0e2147483647", "0e-2147483647"}) {
        assertEquals(new BigDecimal("0E-9"), of(text), text);
      }
    });
  }
}
