package import EventLoop
import Jobs
import Logging

/// One call of an older system's address.
@EventLoop
package final class LegacyCall {
  let call: Call
  let mount: LegacyMount
  let engine: LegacyEngine
  /// What came along with it and is kept as the caller's.
  var received: [UploadID] = []

  init(_ call: Call, at mount: LegacyMount, over engine: LegacyEngine) {
    self.call = call
    self.mount = mount
    self.engine = engine
  }

  var request: Request { call.request }
  var identity: Identity { call.identity }
  var settings: GatewaySettings { engine.environment.settings }

  /// The job that the path names; a malformed id is as unknown as any other.
  var job: JobID { get throws(Problem) { try call.jobID } }

  /// The job that the path names, by our id or by that which it had before it was imported.
  var importedJob: JobID {
    get throws(Problem) {
      guard let text = call.parameters["id"], let id = JobID(text) ?? JobID(imported: text) else { throw .jobNotFound }
      return id
    }
  }

  /// The file that the path names.
  var file: ArtifactName {
    get throws(Problem) {
      guard let name = ArtifactName(try part("name")) else { throw .notFound }
      return name
    }
  }

  /// A named part of the path.
  func part(_ name: String) throws(Problem) -> String {
    guard let part = call.parameters[name] else { preconditionFailure("a path without the part \(name)") }
    return part
  }

  /// The members of the body, which is an object or absent. Clients of the older systems send `null` for what they
  /// leave open, and their frameworks took it for that.
  func members() async throws -> MemberReader {
    let limit = settings.payloadLimit
    let body = try await call.exchange.body(limit: limit + (16 << 10), ofPayloadsUpTo: limit)
    return body.isEmpty ? MemberReader() : try MemberReader(try body.json, takingNullForAbsent: true)
  }

  /// The parameters of the address, as members.
  var parameters: MemberReader {
    var reader = MemberReader()
    for (name, value) in request.query { reader.add(text: value, named: name) }
    return reader
  }
}

extension LegacyCall {
  /// Lets go of what came along with a call that is refused for its caller's own fault: nobody knows its names.
  func discardReceived() async {
    for upload in received {
      do throws(ArtifactError) { _ = try await engine.files.removeUpload(upload, of: identity.user) } catch {
        // Its time will remove it.
        engine.environment.logger.warning(
          "an upload of a refused form stays for its time", metadata: ["error": "\(error)"])
      }
    }
    received = []
  }
}

extension MemberReader {
  /// Throws all faults of what was asked for. Other members are passed over, as the older systems do: their callers
  /// send what they always sent.
  func check() throws(Problem) {
    guard faults.isEmpty else { throw .invalid(faults) }
  }

  /// A member without which nothing can be done, once ``check()`` has passed.
  func require<Value>(_ value: Value?) throws(Problem) -> Value {
    try check()
    guard let value else { preconditionFailure("a member that is missing passed as sound") }
    return value
  }
}
