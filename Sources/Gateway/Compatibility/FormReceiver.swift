import EventLoop
import Jobs

/// Takes in a form as it comes: files become uploads of the caller, written piece by piece, fields are kept as texts.
///
/// Where it ends before it is whole, nothing of it stays.
@EventLoop
final class FormReceiver {
  private let call: LegacyCall
  private var answer = ReceiveFiles.Answer()
  private var writing: (field: String, writer: UploadWriter, digest: ContentDigest)?
  private var reading: (field: String, bytes: [UInt8])?
  private var fieldBytes = 0

  /// Files of a form, and bytes of its fields with their names.
  nonisolated static let fileLimit = 200
  nonisolated static let fieldLimit = 256 << 10

  private init(_ call: LegacyCall) { self.call = call }

  /// Whether the body is read as JSON: what is so called, and what `curl -d` and a browser's `fetch` call a text that
  /// nobody gave a type.
  nonisolated static func isJSON(_ request: Request) -> Bool {
    ["application/json", "application/x-www-form-urlencoded", "text/plain"]
      .contains(HeaderParameters.read(request.headers["content-type"] ?? "").value)
  }

  /// What a caller says, as JSON or as the fields of a form, and the first file that comes along, as a payload names it.
  static func members(of call: LegacyCall) async throws -> (members: MemberReader, file: String?) {
    if isJSON(call.request) || call.request.contentLength == nil { return (try await call.members(), nil) }
    let form = try await receive(call)
    var members = MemberReader()
    for (name, text) in form.fields.sorted(by: { $0.key < $1.key }) { members.add(text: text, named: name) }
    return (members, form.files.first.map { "upload:\($0.upload.id)" })
  }

  static func receive(_ call: LegacyCall) async throws -> ReceiveFiles.Answer {
    try call.engine.jobs.require(.submit, of: call.identity)
    let receiver = FormReceiver(call)
    do {
      try await receiver.run()
    } catch {
      await receiver.discard()
      throw (error as? ArtifactError).map(Problem.init) ?? error
    }
    call.received = receiver.answer.files.map(\.upload.id)
    return receiver.answer
  }

  private func run() async throws {
    let limit = Int(call.settings.uploadLimit)
    guard var form = MultipartReader(contentType: call.request.headers["content-type"] ?? "") else {
      return try await receiveBody(limit)
    }
    try await call.call.exchange.readBody(limit: limit) { piece in
      let events: [MultipartReader.Event]
      do throws(MultipartReader.Fault) { events = try form.feed(piece) } catch {
        throw Problem.invalid([.init("", "is a form that \(error.reason)")])
      }
      for event in events { try await take(event) }
    }
    guard form.isWhole else { throw Problem.invalid([.init("", "is a form that ends before its last boundary")]) }
  }

  /// The whole body is one file.
  private func receiveBody(_ limit: Int) async throws {
    let type = HeaderParameters.read(call.request.headers["content-type"] ?? "").value
    guard type != "application/x-www-form-urlencoded" else {
      throw Problem(.unsupportedMediaType, status: 415, detail: "Send files as multipart/form-data.")
    }
    guard let length = call.request.contentLength, length > 0 else {
      throw Problem.invalid([.init("", "holds no file")])
    }
    try await begin("file", named: call.request.parameter("name"), type.isEmpty ? nil : type)
    try await call.call.exchange.readBody(limit: limit) { try await write($0) }
    try await finishFile()
  }

  private func take(_ event: MultipartReader.Event) async throws {
    switch event {
    case .part(let name, let fileName?, let contentType):
      guard answer.files.count < Self.fileLimit else {
        throw Problem.invalid([.init("", "has more than \(Self.fileLimit) files")])
      }
      try await begin(name, named: fileName, contentType)
    case .part(let name, nil, _):
      // Names are kept too, also of fields that hold nothing.
      try countField(name.utf8.count + 1)
      reading = (name, [])
    case .data(let bytes):
      if writing != nil { return try await write(bytes) }
      try countField(bytes.count)
      reading?.bytes += bytes
    case .end:
      if writing != nil { return try await finishFile() }
      guard let (field, bytes) = reading else { preconditionFailure("a part ends that did not begin") }
      answer.fields[field] = String(decoding: bytes, as: UTF8.self)
      reading = nil
    }
  }

  private func countField(_ bytes: Int) throws(Problem) {
    fieldBytes += bytes
    guard fieldBytes <= Self.fieldLimit else {
      throw Problem.invalid([.init("", "has fields of more than \(Self.fieldLimit) bytes")])
    }
  }

  private func begin(_ field: String, named name: String?, _ contentType: String?) async throws {
    let writer = try await call.engine.files.beginUpload(
      owner: call.identity.user, name: Self.safeName(name ?? ""), contentType: contentType,
      limit: Int(call.settings.uploadLimit))
    writing = (field, writer, ContentDigest())
  }

  private func write(_ bytes: [UInt8]) async throws {
    guard let writing else { preconditionFailure("bytes of no file") }
    writing.digest.add(bytes)
    try await writing.writer.write(bytes)
  }

  private func finishFile() async throws {
    guard let (field, writer, digest) = writing else { preconditionFailure("the end of no file") }
    answer.files.append((field, try await writer.finish(contentHash: digest.finish())))
    writing = nil
  }

  private func discard() async {
    await writing?.writer.abort()
    call.received = answer.files.map(\.upload.id)
    await call.discardReceived()
  }

  /// What a browser calls a file, without the folders that some send along. It names nothing on our disk.
  nonisolated static func safeName(_ name: String) -> String {
    let last = name.split { $0 == "/" || $0 == "\\" }.last.map(String.init) ?? ""
    return ArtifactName(last)?.description ?? "upload.bin"
  }
}
