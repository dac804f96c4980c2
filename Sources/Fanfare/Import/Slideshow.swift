import Jobs

/// The video generator's job (S2): its old record names a session, whose images have to lie in our store.
struct Slideshow {
  /// The payload as our workers read it; any other job's is what it was.
  let payload: JSONText

  /// Looks for the session's uploads, of the user who is to own the job; without a target nobody looks.
  init(_ job: ForeignJob, _ target: JobImport.Target?, user: String) async throws {
    guard job.kind.description == "slideshow", let root = try? JSONDocument(bytes: job.payload.bytes).root,
      root["images"] == nil, let named = root["session_id"]?.string
    else {
      payload = job.payload
      return
    }
    guard let session = SessionFolder(named) else { throw ForeignJobFault("\"\(named)\" is no id of a session") }
    let audio = root["audio_id"]?.string
    guard let target else {
      payload = job.payload
      return
    }
    let images = try await target.payloads.files.uploads(in: session, of: user)
    guard !images.isEmpty else {
      throw ForeignJobFault("its session \(session) has no images here: bring them to /upload as \(user), then again")
    }
    var sound: UploadID?
    if let audio {
      sound = UploadID(uuid: audio)
      guard let id = sound, try await target.payloads.files.upload(id, of: user) != nil else {
        throw ForeignJobFault("its audio \(audio) is not here: submit it again")
      }
    }
    var writer = JSONWriter()
    writer.object {
      $0.array("images") { list in for image in images { list.element("upload:\(image)") } }
      $0.member("audio", sound.map { "upload:\($0)" })
      for name in ["duration", "transition", "resolution"] {
        if let value = root[name], !value.isNull { $0.member(named: name, value.text) }
      }
      $0.member("session", session.description)
      $0.member("audio_name", sound?.uuid)
    }
    payload = writer.text
  }
}
