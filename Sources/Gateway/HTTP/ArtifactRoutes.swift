package import EventLoop
package import Jobs

/// `/v1/uploads` and `/v1/artifacts`: files in, files out, never whole in memory.
@EventLoop
package struct ArtifactRoutes {
  private let store: ArtifactStore
  private let tickets: ArtifactTicket
  private let environment: SessionEnvironment
  private let identify: @EventLoop @Sendable (Request) async throws(Problem) -> Identity

  /// `identify` tells who sends a request: downloads are open to tickets as well as to tokens.
  package init(
    store: ArtifactStore, tickets: ArtifactTicket, environment: SessionEnvironment,
    identify: @escaping @EventLoop @Sendable (Request) async throws(Problem) -> Identity
  ) {
    self.store = store
    self.tickets = tickets
    self.environment = environment
    self.identify = identify
  }

  package var routes: [Route] {
    [
      Route(.post, "/v1/uploads", .counted, handler: upload),
      Route(.get, "/v1/uploads/:id", .counted, handler: describe),
      Route(.get, "/v1/artifacts/:id/:name", .open, handler: download),
      Route(.post, "/v1/artifacts/:id/:name/ticket", .identified, handler: ticket),
    ]
  }

  private func upload(_ call: Call) async throws -> Response {
    try environment.verbs.require(.submit, of: call.identity)
    guard let length = call.request.contentLength else {
      throw Problem(.lengthRequired, status: 411)
    }
    let limit = Int(environment.settings.uploadLimit)
    if length > limit { throw RequestBodyError.tooLarge(limit: limit) }
    if length == 0 { throw Problem.invalid([.init("", "the body is empty")]) }
    do {
      let writer = try await store.beginUpload(
        owner: call.identity.user, name: call.request.parameter("name") ?? "upload.bin",
        contentType: mediaType(call.request.headers["content-type"]), limit: limit)
      let upload: Upload
      do {
        // The next piece is read when this one is on disk: a fast sender waits, memory does not grow.
        let digest = ContentDigest()
        try await call.exchange.readBody(limit: limit) {
          digest.add($0)
          try await writer.write($0)
        }
        upload = try await writer.finish(contentHash: digest.finish())
      } catch {
        await writer.abort()
        throw error
      }
      return Response.json(document(of: upload), status: 201)
        .with("location", "/v1/uploads/\(upload.id)")
    } catch let error as ArtifactError {
      throw Problem(error)
    }
  }

  /// What its owner brought; an upload of somebody else is as unknown as one that never was.
  private func describe(_ call: Call) async throws -> Response {
    guard let id = call.parameters["id"].flatMap({ UploadID($0) }) else { throw Problem.notFound }
    let found: (upload: Upload, path: String)?
    do throws(ArtifactError) { found = try await store.upload(id, of: call.identity.user) } catch {
      throw Problem(error)
    }
    guard let found else { throw Problem.notFound }
    return .json(document(of: found.upload))
  }

  private func document(of upload: Upload) -> JSONText {
    var writer = JSONWriter()
    writer.object {
      $0.member("upload", upload.id.description)
      $0.member("name", upload.name.description)
      $0.member("bytes", upload.size)
      $0.member("content_type", upload.contentType)
      $0.member("created_at", upload.createdAt.milliseconds)
    }
    return writer.text
  }

  private func download(_ call: Call) async throws -> Response {
    let (job, name) = try address(of: call)
    if let ticket = call.request.parameter("ticket") {
      guard tickets.accepts(ticket, for: name, of: job, now: environment.now()) else {
        throw Problem(
          .invalidToken, status: 401, detail: "The ticket is not valid here, or has expired.")
      }
    } else {
      _ = try await visibleArtifact(name, of: job, to: try await identify(call.request))
    }
    guard let artifact = try await find(name, of: job) else { throw Problem.notFound }
    return answer(artifact, to: call.request)
  }

  private func ticket(_ call: Call) async throws -> Response {
    let (job, name) = try address(of: call)
    _ = try await visibleArtifact(name, of: job, to: call.identity)
    let ticket = tickets.issue(for: name, of: job, now: environment.now())
    var writer = JSONWriter()
    writer.object {
      $0.member("url", "/v1/artifacts/\(job)/\(percentEncoded(name.description))?ticket=\(ticket)")
      $0.member("expires_in", Int(ArtifactTicket.lifetime.components.seconds))
    }
    return Response(
      200, headers: [("content-type", "application/json"), ("cache-control", "no-store")],
      body: .bytes(writer.bytes))
  }

  private func address(of call: Call) throws(Problem) -> (JobID, ArtifactName) {
    guard let job = call.parameters["id"].flatMap({ JobID($0) }),
      let name = call.parameters["name"].flatMap({ ArtifactName($0) })
    else { throw .notFound }
    return (job, name)
  }

  /// An artifact of somebody else is as unknown as one that never was.
  private func visibleArtifact(
    _ name: ArtifactName, of job: JobID, to identity: Identity
  ) async throws -> Artifact {
    try environment.verbs.require(.read, of: identity)
    guard let artifact = try await find(name, of: job),
      artifact.owner == identity.user || identity.permissions.allows(.admin)
    else { throw Problem.notFound }
    return artifact
  }

  /// A file that a job of the caller made, as the answer to a request for it; without a name the first by name.
  func file(
    _ name: ArtifactName?, of job: JobID, to request: Request, as identity: Identity
  ) async throws -> Response {
    var wanted = name
    if wanted == nil { wanted = try await firstName(of: job) }
    guard let name = wanted else { throw Problem.notFound }
    return answer(try await visibleArtifact(name, of: job, to: identity), to: request)
  }

  private func firstName(of job: JobID) async throws(Problem) -> ArtifactName? {
    do throws(ArtifactError) { return try await store.artifacts(of: job).first?.name } catch { throw Problem(error) }
  }

  private func find(_ name: ArtifactName, of job: JobID) async throws(Problem) -> Artifact? {
    do throws(ArtifactError) { return try await store.artifact(of: job, name: name) } catch { throw Problem(error) }
  }

  private func answer(_ artifact: Artifact, to request: Request) -> Response {
    let size = Int64(artifact.size)
    let tag = "\"\(artifact.size)-\(artifact.modifiedAt.milliseconds)\""
    var headers: [(name: String, value: String)] = [
      ("accept-ranges", "bytes"), ("etag", tag), ("cache-control", "private, no-cache"),
      // Whatever a worker made, it runs no script in our origin.
      ("content-security-policy", "sandbox; default-src 'none'; media-src 'self'; style-src 'unsafe-inline'"),
      // Without a name: the address ends with it already, and a page's own `download` name, which a
      // name given here would override, may be the one its user knows.
      ("content-disposition", isMedia(artifact.contentType) ? "inline" : "attachment"),
    ]
    if request.headers["if-none-match"] == tag { return Response(304, headers: headers) }
    // A range of another version is of no use to who has half of the old one (RFC 9110 §13.1.5).
    let isSame = request.headers["if-range"].map { $0 == tag } ?? true
    switch isSame ? ByteRange(request.headers["range"], size: size) : .whole {
    case .whole:
      headers.append(("content-type", artifact.contentType))
      return Response(200, headers: headers, body: body(of: artifact, offset: 0, length: size))
    case .part(let offset, let length):
      headers.append(("content-type", artifact.contentType))
      headers.append(("content-range", "bytes \(offset)-\(offset + length - 1)/\(size)"))
      return Response(206, headers: headers, body: body(of: artifact, offset: offset, length: length))
    case .outside:
      return Problem(.rangeNotSatisfiable, status: 416).response
        .with("content-range", "bytes */\(size)")
    }
  }

  private func body(of artifact: Artifact, offset: Int64, length: Int64) -> Response.Body {
    if let path = artifact.path { return .file(path: path, offset: offset, length: length) }
    // Nothing can be asked for of nothing.
    if length == 0 { return .bytes([]) }
    return .relayed(length: length) { [store] in
      try await store.pieces(of: artifact, offset: Int(offset), length: Int(length))
    }
  }

  private func isMedia(_ type: String) -> Bool {
    (type.hasPrefix("video/") || type.hasPrefix("audio/") || type.hasPrefix("image/"))
      && !type.contains("svg")
  }

  /// The type alone, if it is one; nil lets the name decide.
  private func mediaType(_ header: String?) -> String? {
    guard let type = header?.split(separator: ";").first?.lowercased(),
      type.split(separator: "/").count == 2, type.utf8.count <= 100,
      type.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "/.+-".contains($0)) }),
      type != "application/x-www-form-urlencoded"
    else { return nil }
    return type
  }

  private func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
      let character = Character(Unicode.Scalar(byte))
      if character.isASCII, character.isLetter || character.isNumber || "-._~".contains(character) {
        encoded.append(character)
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        encoded += "%" + (digits.count == 1 ? "0" : "") + digits
      }
    }
    return encoded
  }
}

extension Problem {
  init(_ error: ArtifactError) {
    self =
      switch error {
      case .unsafeName:
        .invalid([.init("/name", "must be a plain file name")])
      case .tooLarge(let limit):
        Problem(.payloadTooLarge, status: 413, detail: "At most \(limit) bytes are taken.")
      case .noSpace: Problem(.storageFull, status: 507)
      case .objects:
        Problem(
          .storeUnavailable, status: 503, detail: "The store of files does not answer as it should.",
          retryAfter: .seconds(5))
      case .staleAttempt, .notAFile, .ended, .failed: Problem(.internalError, status: 500)
      }
  }
}
