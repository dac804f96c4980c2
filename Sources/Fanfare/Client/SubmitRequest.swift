import Jobs

/// What `fanfare submit` asks for.
struct SubmitRequest: Hashable, Sendable {
  var kind: String
  var payload: JSONText
  /// Members laid over the payload's own.
  var input: String?
  var output: String?
  var arguments: [String] = []
  var queue: String?
  var priority: Int?
  /// In seconds.
  var delay: Double?
  var uniqueKey: String?
  var parents: [String] = []
  var group: String?
  var weight: Int?
  var reuses = false
  var maxAttempts: Int?
  var timeout: Duration?
  var idempotencyKey: String

  /// The parameters of the rpc `job.submit`. Throws where members are to be laid over a payload that
  /// is no object.
  func parameters() throws(CommandFailure) -> JSONText {
    let payload = try wholePayload()
    var writer = JSONWriter()
    writer.object { job in
      job.member("kind", kind)
      job.member("queue", queue)
      job.member("payload", payload)
      job.member("priority", priority)
      job.member("delay", number: delay)
      job.member("unique_key", uniqueKey)
      if !parents.isEmpty {
        job.array("depends_on") { list in for parent in parents { list.element(parent) } }
      }
      job.member("group", group)
      job.member("weight", weight)
      job.fact("reuse", reuses)
      job.member("max_attempts", maxAttempts)
      job.member("timeout", number: timeout.map { $0 / .seconds(1) })
      job.member("idempotency_key", idempotencyKey)
    }
    return writer.text
  }

  private func wholePayload() throws(CommandFailure) -> JSONText {
    if input == nil, output == nil, arguments.isEmpty { return payload }
    guard let members = (try? JSONDocument(bytes: payload.bytes).root)?.object else {
      throw CommandFailure(
        description: "--file, --output and -- need a payload that is a JSON object")
    }
    var laidOver: Set<String> = []
    if input != nil { laidOver.insert("input") }
    if output != nil { laidOver.insert("output") }
    if !arguments.isEmpty { laidOver.insert("arguments") }
    var writer = JSONWriter()
    writer.object { object in
      object.member("input", input)
      object.member("output", output)
      if !arguments.isEmpty {
        object.array("arguments") { array in for argument in arguments { array.element(argument) } }
      }
      for (name, value) in members where !laidOver.contains(name) {
        object.member(named: name, value.text)
      }
    }
    return writer.text
  }

  /// Submits, again and again while the gateway is away for a moment: the idempotency key makes that
  /// safe. Answers with the job, its document, and the session it was submitted over.
  func send(
    to server: ServerAddress, token: String, attempts: Int = 4
  ) throws -> (job: WatchedJob, document: JSONText, session: GatewayClient) {
    let parameters = try parameters()
    var policy = ReconnectPolicy()
    while true {
      do throws(ClientError) {
        let session = try GatewayClient(server, token: token)
        let answer = try session.remoteCall("job.submit", parameters)
        guard let document = answer["job"], let id = document["id"]?.string else {
          throw .notUnderstood("an answer to job.submit without the job")
        }
        var job = WatchedJob(id: id)
        job.merge(document)
        return (job, document.text, session)
      } catch {
        // 111 is temporary too, but says to wait for longer than one waits here.
        guard error.isTemporary, error.code != 111, policy.attempts < attempts else { throw error }
        try Interrupt.pause(policy.nextDelay())
      }
    }
  }
}

extension ClientError {
  fileprivate var code: Int? {
    if case .refused(let code, _, _) = self { code } else { nil }
  }
}
