package import Jobs

/// What a client sends to have a job done, read and checked: all faults are told at once.
package struct JobSubmission: Sendable {
  package var queue = QueueName.default
  package var kind: JobKind
  package var payload = JSONText.emptyObject
  package var priority = Priority.normal
  package var maxAttempts: Int
  package var timeout: Duration?
  package var idempotencyKey: String?
  /// The socket that submits also watches.
  package var watches = false

  /// Reads `{"kind":…,"queue":…,"payload":…,"priority":…,"max_attempts":…,"timeout":…,
  /// "idempotency_key":…,"watch":…}`; `key` is the header's, where there is one.
  ///
  /// Unknown members are refused: a misspelt `priority` must not pass for a default.
  package init(
    reading value: JSONValue, idempotencyKey key: String? = nil, settings: GatewaySettings
  ) throws(Problem) {
    guard let members = value.object else {
      throw .invalid([.init("", "must be an object")])
    }
    maxAttempts = settings.defaultMaxAttempts
    idempotencyKey = key
    var kind: JobKind?
    var faults: [Problem.Fault] = []
    func fault(_ name: String, _ detail: String) { faults.append(.init("/\(name)", detail)) }
    for (name, member) in members {
      switch name {
      case "kind":
        kind = member.string.flatMap { JobKind($0) }
        if kind == nil { fault(name, "must be 1 to 64 letters, digits, dots, dashes") }
      case "queue":
        if let queue = member.string.flatMap({ QueueName($0) }) {
          self.queue = queue
        } else {
          fault(name, "must be 1 to 64 letters, digits, dots, dashes")
        }
      case "payload":
        payload = member.text
        if payload.bytes.count > settings.payloadLimit {
          throw Problem(BrokerError.payloadTooLarge(limit: settings.payloadLimit))
        }
      case "priority":
        if let priority = member.int.flatMap({ Priority($0) }) {
          self.priority = priority
        } else {
          fault(name, "must be a whole number from 1 to 10")
        }
      case "max_attempts":
        if let attempts = member.int, (1...100).contains(attempts) {
          maxAttempts = attempts
        } else {
          fault(name, "must be a whole number from 1 to 100")
        }
      case "timeout":
        if let seconds = member.double, seconds > 0, seconds <= 604_800 {
          timeout = .milliseconds(Int64(seconds * 1000))
        } else {
          fault(name, "must be a number of seconds from 0 to 604800")
        }
      case "idempotency_key":
        if key != nil {
          fault(name, "stands in the header already")
        } else if let text = member.string, (1...255).contains(text.utf8.count) {
          idempotencyKey = text
        } else {
          fault(name, "must be 1 to 255 bytes of text")
        }
      case "watch":
        if let watch = member.bool { watches = watch } else { fault(name, "must be true or false") }
      default: fault(name, "is not known")
      }
    }
    if value["kind"] == nil { fault("kind", "is missing") }
    guard let kind, faults.isEmpty else { throw .invalid(faults) }
    self.kind = kind
  }

  /// The submission as a job of this user, with a new id.
  package func request(by user: String) -> JobRequest {
    JobRequest(
      queue: queue, kind: kind, user: user, payload: payload, priority: priority,
      maxAttempts: maxAttempts, timeout: timeout, idempotencyKey: idempotencyKey)
  }
}

/// Which jobs a client wants listed.
package struct JobListing: Sendable {
  package var filter: JobFilter

  /// Reads the states' names, a limit and a cursor; nil where they are absent.
  package init(
    states: [String], limit: Int?, cursor: String?, user: String? = nil
  ) throws(Problem) {
    var faults: [Problem.Fault] = []
    var wanted: Set<JobState> = []
    for name in states {
      if let state = JobState(rawValue: name) {
        wanted.insert(state)
      } else {
        let known = JobState.allCases.map(\.rawValue).joined(separator: ", ")
        faults.append(.init("/state", "is one of \(known)"))
      }
    }
    if let limit, !(1...200).contains(limit) {
      faults.append(.init("/limit", "must be a whole number from 1 to 200"))
    }
    guard faults.isEmpty else { throw .invalid(faults) }
    filter = JobFilter(user: user, states: wanted, limit: limit ?? 50, cursor: cursor)
  }
}
