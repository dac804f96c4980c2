/// Why a payload that lies in the store cannot be had.
package enum StoredPayloadFault: Error, Hashable, Sendable {
  /// There is no such file. `inEmptyStore`: nor any other payload, as where the store is another than the
  /// gateway's.
  case missing(String, inEmptyStore: Bool)
  /// The file holds something else than was put there.
  case damaged(String)
  /// The operating system does not let it be read, and why.
  case unreadable(String, reason: String)
  /// Nothing came in time, as from a network's folder whose server is away.
  case slow(String)

  /// Whether another attempt, or another worker, may find it.
  package var mayPass: Bool {
    switch self {
    case .missing, .unreadable, .slow: true
    case .damaged: false
    }
  }

  /// How a job fails that cannot have its payload.
  package var failure: JobFailure {
    switch self {
    case .missing(let name, inEmptyStore: true):
      JobFailure(
        code: "payload_missing",
        message: "The payload is not in this worker's store, which has none at all (\(name)): gateways and "
          + "workers must share artifacts.folder.")
    case .missing(let name, inEmptyStore: false):
      JobFailure(
        code: "payload_missing", message: "The payload is not in this worker's store (\(name)).")
    case .damaged(let name):
      JobFailure(
        code: "payload_damaged", message: "The payload in the store is not what was submitted (\(name)).")
    case .unreadable(let name, let reason):
      JobFailure(
        code: "payload_unreadable", message: "The payload cannot be read from the store (\(name)): \(reason)")
    case .slow(let name):
      JobFailure(
        code: "payload_unreadable", message: "The store did not give the payload in time (\(name)).")
    }
  }
}
