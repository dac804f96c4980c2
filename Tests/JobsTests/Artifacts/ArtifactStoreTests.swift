import Foundation
import Jobs
import Support
import Testing

@Suite("The artifact store") struct ArtifactStoreTests {
  let folder = TemporaryFolder()
  var store: ArtifactStore { ArtifactStore(root: folder.path("store")) }

  private func mode(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return try #require(attributes[.posixPermissions] as? Int)
  }

  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  private func upload(_ bytes: String, owner: String = "alice") async throws -> Upload {
    let writer = try await store.beginUpload(
      owner: owner, name: "clip.mp4", contentType: nil, limit: 1000)
    try await writer.write(Array(bytes.utf8))
    return try await writer.finish()
  }

  // MARK: Uploads

  @Test("keeps an upload's bytes in order, closed to others")
  func uploads() async throws {
    let writer = try await store.beginUpload(
      owner: "alice", name: "clip.mp4", contentType: "video/x-own", limit: 1000)
    try await writer.write(Array("one ".utf8))
    try await writer.write(Array("two".utf8))
    let upload = try await writer.finish()
    #expect(upload.size == 7)
    #expect(upload.contentType == "video/x-own")

    let found = try #require(try await store.upload(upload.id, of: "alice"))
    #expect(found.upload == upload)
    #expect(try text(found.path) == "one two")
    #expect(try mode(found.path) == 0o600)
    #expect(try mode((found.path as NSString).deletingLastPathComponent) == 0o700)
  }

  @Test("shows an upload to its owner only")
  func ownership() async throws {
    let upload = try await upload("x")
    #expect(try await store.upload(upload.id, of: "mallory") == nil)
    #expect(try await store.removeUpload(upload.id, of: "mallory") == false)
    #expect(try await store.removeUpload(upload.id, of: "alice"))
    #expect(try await store.upload(upload.id, of: "alice") == nil)
  }

  @Test("does not show an upload before it is whole")
  func unfinished() async throws {
    let writer = try await store.beginUpload(
      owner: "alice", name: "a", contentType: nil, limit: 10)
    try await writer.write([1])
    #expect(try await store.upload(writer.id, of: "alice") == nil)
    await writer.abort()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("store/uploads")) == [])
    await #expect(throws: ArtifactError.ended) { try await writer.write([2]) }
    await #expect(throws: ArtifactError.ended) { try await writer.finish() }
  }

  @Test("takes a file that grows over its limit back")
  func limit() async throws {
    let writer = try await store.beginUpload(owner: "a", name: "a", contentType: nil, limit: 3)
    try await writer.write([1, 2, 3])
    await #expect(throws: ArtifactError.tooLarge(limit: 3)) { try await writer.write([4]) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("store/uploads")) == [])
  }

  @Test("refuses unsafe names", arguments: ["../../x", ".x", "a/b", "a\0"])
  func unsafeNames(_ name: String) async throws {
    await #expect(throws: ArtifactError.unsafeName(name)) {
      try await store.beginUpload(owner: "a", name: name, contentType: nil, limit: 3)
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path("store/uploads")))
  }

  @Test(
    "reads nothing but an upload's id",
    arguments: [
      "upl_", "upl_../../../../../../../etc/passwd", "upl_" + String(repeating: "G", count: 32), "",
    ])
  func badIDs(_ text: String) { #expect(UploadID(text) == nil) }

  @Test("does not follow a link that stands where the data should")
  func linkedData() async throws {
    let upload = try await upload("x")
    let found = try #require(try await store.upload(upload.id, of: "alice"))
    try FileManager.default.removeItem(atPath: found.path)
    try FileManager.default.createSymbolicLink(
      atPath: found.path, withDestinationPath: "/etc/passwd")
    #expect(try await store.upload(upload.id, of: "alice") == nil)
  }

  @Test("sweeps what has not changed for long, whole or not")
  func sweep() async throws {
    let upload = try await upload("x")
    let writer = try await store.beginUpload(owner: "a", name: "a", contentType: nil, limit: 3)
    #expect(try await store.sweepUploads(olderThan: .seconds(60)) == 0)
    #expect(
      try await store.sweepUploads(olderThan: .seconds(60), now: .now + .seconds(61)) == 2)
    #expect(try await store.upload(upload.id, of: "alice") == nil)
    await writer.abort()
  }

  // MARK: Artifacts

  private let video = ArtifactName("out.mp4")!
  private let kind = JobKind("ffmpeg")!

  @Test("publishes a file by moving it")
  func publish() async throws {
    let job = JobID()
    let file = try folder.write("made", to: "work/out.tmp")
    let artifact = try await store.publish(file, as: video, job: job, kind: kind, token: 7, owner: "alice")
    #expect(try text(#require(artifact.path)) == "made")
    #expect(artifact.size == 4)
    #expect(artifact.owner == "alice")
    #expect(artifact.contentType == "video/mp4")
    #expect(try mode(#require(artifact.path)) == 0o600)
    #expect(!FileManager.default.fileExists(atPath: file))
    #expect(try await store.artifact(of: job, name: video) == artifact)
    #expect(try await store.artifacts(of: job) == [artifact])
    try await store.removeArtifacts(of: job)
    #expect(try await store.artifact(of: job, name: video) == nil)
  }

  @Test("does not let a run that lost its lease replace what a later one made")
  func fencing() async throws {
    let job = JobID()
    let late = try folder.write("late", to: "late")
    _ = try await store.publish(
      try folder.write("first", to: "first"), as: video, job: job, kind: kind, token: 9, owner: "a")
    _ = try await store.publish(
      try folder.write("second", to: "second"), as: video, job: job, kind: kind, token: 10, owner: "a")
    await #expect(throws: ArtifactError.staleAttempt) {
      try await store.publish(late, as: video, job: job, kind: kind, token: 9, owner: "a")
    }
    let artifact = try #require(try await store.artifact(of: job, name: video))
    #expect(try text(#require(artifact.path)) == "second")
    let left = try FileManager.default.contentsOfDirectory(
      atPath: folder.path("store/artifacts/\(job)"))
    #expect(left.count == 1)
  }

  @Test("publishes plain files only")
  func plainFiles() async throws {
    let link = folder.path("link")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/etc/passwd")
    for path in [link, folder.path, folder.path("nothing")] {
      await #expect(throws: ArtifactError.notAFile("out.mp4")) {
        try await store.publish(path, as: video, job: JobID(), kind: kind, token: 1, owner: "a")
      }
    }
  }

  @Test("sweeps the artifacts of forgotten jobs")
  func sweepArtifacts() async throws {
    let kept = JobID()
    let forgotten = JobID()
    for job in [kept, forgotten] {
      _ = try await store.publish(
        try folder.write("x", to: "x"), as: video, job: job, kind: kind, token: 1, owner: "a")
    }
    #expect(try await store.sweepArtifacts(olderThan: .seconds(60)) { _ in false } == 0)
    let count = try await store.sweepArtifacts(
      olderThan: .seconds(60), now: .now + .seconds(61)
    ) { $0 == kept }
    #expect(count == 1)
    #expect(try await store.artifact(of: kept, name: video) != nil)
    #expect(try await store.artifact(of: forgotten, name: video) == nil)
  }
}
