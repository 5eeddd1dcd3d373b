package footfall.flink.postgres;

import java.sql.SQLException;
import java.util.Set;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Whose fault an error of Postgres is. */
final class Fault {

  // Classes of SQLSTATE: feature not supported, cardinality, data, integrity, WITH CHECK OPTION, program limit, and what
  // a trigger raises. All others are of the server, the network, the schema or the moment.
  private static final Set<String> OF_ROWS = Set.of("0A", "21", "22", "23", "44", "54", "P0");

  private Fault() {}

  /** Whether the rows are refused for what they are, so that to try again would not help. */
  static boolean ofRows(SQLException error) {
    String state = error.getSQLState();
    return state != null && state.length() == 5 && OF_ROWS.contains(state.substring(0, 2));
  }

  /** The error in a line. Without its detail, which may name what is in a row. */
  static String line(SQLException error) {
    ServerErrorMessage said = error instanceof PSQLException known ? known.getServerErrorMessage() : null;
    String message = String.valueOf(said == null ? error.getMessage() : said.getMessage()).replaceAll("\\s+", " ");
    return error.getSQLState() == null ? message : message + " (" + error.getSQLState() + ")";
  }
}
