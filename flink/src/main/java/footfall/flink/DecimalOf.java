package footfall.flink;

import java.math.BigDecimal;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.functions.ScalarFunction;

/**
 * {@code decimal_of(text)}: the number that a text is, rounded half up to nine places; NULL where it is none, or one of
 * over 29 digits before the point.
 *
 * <p>For what a sender wrote. Flink's JSON format and its CAST multiply a number out before they ask whether it fits:
 * of 1e100000000, which is eleven characters, that takes minutes.
 */
public class DecimalOf extends ScalarFunction {

  private static final int PRECISION = 38;
  private static final int SCALE = 9;
  private static final int LONGEST = 64;

  public @DataTypeHint(value = "DECIMAL(38, 9)", bridgedTo = DecimalData.class) DecimalData eval(
      @DataTypeHint(value = "STRING", bridgedTo = StringData.class) StringData text) {
    if (text == null) {
      return null;
    }
    String digits = text.toString();
    if (digits.length() > LONGEST) {
      return null;
    }
    BigDecimal number;
    try {
      number = new BigDecimal(digits);
    } catch (NumberFormatException error) {
      return null;
    }
    // How many digits stand before the point: of 123 three, of 0.001 minus two. In long, for the scale is any int.
    long before = (long) number.precision() - number.scale();
    if (number.signum() == 0 || before < -SCALE) {
      number = BigDecimal.ZERO;
    } else if (before > PRECISION - SCALE) {
      return null;
    }
    return DecimalData.fromBigDecimal(number, PRECISION, SCALE);
  }
}
