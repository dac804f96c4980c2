import CPostgres
import Foundation

/// One connection to PostgreSQL. Its calls wait for the server: on a thread that may.
final class PostgresConnection {
  private let handle: OpaquePointer

  /// Connects, within five seconds unless the address says otherwise.
  init(_ address: String) throws(HistoryError) {
    // What the address says comes last, and counts.
    let parameters = [
      ("connect_timeout", "5"), ("tcp_user_timeout", "15000"), ("keepalives_idle", "30"),
      ("application_name", "fanfare"), ("client_encoding", "UTF8"), ("dbname", address),
    ]
    let names = parameters.map { strdup($0.0) }
    let values = parameters.map { strdup($0.1) }
    defer { for text in names + values { free(text) } }
    let connection = (names.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { names in
      (values.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { values in
        PQconnectdbParams(names.baseAddress, values.baseAddress, 1)
      }
    }
    guard let connection else { throw .unavailable(reason: "libpq has no memory") }
    handle = connection
    guard PQstatus(handle) == CONNECTION_OK else { throw .unavailable(reason: message) }
    CPostgresSilence(handle)
    // More would bring the row: what users gave does not belong into a log.
    PQsetErrorVerbosity(handle, PQERRORS_TERSE)
  }

  deinit { PQfinish(handle) }

  /// For ending a call from another thread.
  var socket: Int32 { PQsocket(handle) }

  private var message: String {
    String(cString: PQerrorMessage(handle)).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Carries out statements that ask nothing.
  func execute(_ statements: String) throws(HistoryError) { _ = try answer(to: PQexec(handle, statements)) }

  /// Carries out a statement with at most one parameter, and answers with the first value of the first row.
  @discardableResult
  func run(_ statement: String, _ parameter: String? = nil) throws(HistoryError) -> String? {
    guard let parameter else {
      return try answer(to: PQexecParams(handle, statement, 0, nil, nil, nil, nil, 0))
    }
    let result = parameter.withCString { text in
      withUnsafePointer(to: UnsafePointer<CChar>?.some(text)) {
        PQexecParams(handle, statement, 1, nil, $0, nil, nil, 0)
      }
    }
    return try answer(to: result)
  }

  private func answer(to result: OpaquePointer?) throws(HistoryError) -> String? {
    defer { PQclear(result) }
    switch PQresultStatus(result) {
    case PGRES_COMMAND_OK: return nil
    case PGRES_TUPLES_OK:
      guard PQntuples(result) > 0, PQgetisnull(result, 0, 0) == 0 else { return nil }
      return String(cString: PQgetvalue(result, 0, 0))
    default:
      let state = CPostgresState(result).map { String(cString: $0) } ?? ""
      // 22: what is not a value of its type; 23: what a constraint forbids.
      if state.hasPrefix("22") || state.hasPrefix("23") { throw .refused(reason: message) }
      throw .unavailable(reason: message)
    }
  }
}
