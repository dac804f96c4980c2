import GRDB
import GRDBSQLite

/// A statement that writes a row at a time: values are bound one after the other, straight to SQLite.
///
/// For what every step of a job writes: GRDB's own form boxes each value and costs as much as the rest.
struct RowWriter {
  private let database: Database
  /// Keeps the handle: it lies in the database's cache.
  private let statement: Statement
  private let handle: OpaquePointer
  private var column: Int32 = 0

  /// SQLite copies what is bound.
  private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

  init(_ sql: String, in database: Database) throws {
    self.database = database
    statement = try database.cachedStatement(sql: sql)
    handle = statement.sqliteStatement
  }

  mutating func bind(_ number: Int64?) {
    column += 1
    if let number {
      sqlite3_bind_int64(handle, column, number)
    } else {
      sqlite3_bind_null(handle, column)
    }
  }

  mutating func bind(_ number: Int?) { bind(number.map(Int64.init)) }
  mutating func bind(_ time: Timestamp?) { bind(time?.milliseconds) }
  mutating func bind(_ duration: Duration?) { bind(duration?.milliseconds) }

  mutating func bind(_ text: String?) {
    column += 1
    guard var text else {
      sqlite3_bind_null(handle, column)
      return
    }
    // The address of no bytes may be null, which would bind NULL.
    if text.isEmpty {
      sqlite3_bind_text(handle, column, "", 0, Self.transient)
      return
    }
    text.withUTF8 { bytes in
      _ = bytes.withMemoryRebound(to: CChar.self) {
        sqlite3_bind_text(handle, column, $0.baseAddress, Int32($0.count), Self.transient)
      }
    }
  }

  mutating func bind(_ json: JSONText?) {
    guard let json else {
      column += 1
      sqlite3_bind_null(handle, column)
      return
    }
    bind(bytes: json.bytes)
  }

  mutating func bind(bytes: [UInt8]) {
    column += 1
    _ = bytes.withUnsafeBytes {
      sqlite3_bind_blob(handle, column, $0.baseAddress, Int32($0.count), Self.transient)
    }
  }

  /// Writes the row that was bound, and begins the next.
  mutating func write() throws {
    column = 0
    let result = sqlite3_step(handle)
    sqlite3_reset(handle)
    guard result == SQLITE_DONE else {
      throw DatabaseError(
        resultCode: ResultCode(rawValue: result), message: database.lastErrorMessage)
    }
  }
}
