package footfall.flink.postgres;

import java.io.Serializable;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import org.postgresql.Driver;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLState;

/** Where to connect to. user and password may be null: the driver then has its own ways. */
final class Database implements Serializable {

  // A server that vanished is noticed by these, in seconds; the url may say others.
  private static final String CONNECT_TIMEOUT = "10";
  private static final String SOCKET_TIMEOUT = "60";
  // Whoever waits for a lock lets go before the socket does, so that no session stays behind on the server; and the
  // server lets go of what a client that vanished held.
  private static final String SESSION = "SET lock_timeout = '30s'; SET client_connection_check_interval = '10s';"
      + " SET idle_in_transaction_session_timeout = '60s'";

  private final String url;
  private final String user;
  private final String password;

  Database(String url, String user, String password) {
    this.url = url;
    this.user = user;
    this.password = password;
  }

  /** A new connection that is in a transaction from its first statement. table: for which, as pg_stat_activity says. */
  Connection connect(String table) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("ApplicationName", "footfall: " + table);
    properties.setProperty("connectTimeout", CONNECT_TIMEOUT);
    properties.setProperty("socketTimeout", SOCKET_TIMEOUT);
    properties.setProperty("tcpKeepAlive", "true");
    if (user != null) {
      properties.setProperty("user", user);
    }
    if (password != null) {
      properties.setProperty("password", password);
    }
    Connection connection = new Driver().connect(url, properties);
    if (connection == null) {
      throw new PSQLException("the driver does not know the url", PSQLState.CONNECTION_UNABLE_TO_CONNECT);
    }
    try (Statement statement = connection.createStatement()) {
      statement.execute(SESSION);
      connection.setAutoCommit(false);
    } catch (SQLException error) {
      connection.close();
      throw error;
    }
    return connection;
  }
}
