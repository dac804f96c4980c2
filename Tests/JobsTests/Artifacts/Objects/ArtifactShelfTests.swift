import Foundation
import Support
import Testing
import Web

@testable import Jobs

@Suite("The artifacts in a bucket", .timeLimit(.minutes(2))) struct ArtifactShelfTests {
  private let folder = TemporaryFolder()
  private let kind = JobKind("ffmpeg")!
  private let video = ArtifactName("out é.mp4")!
  private let day = Duration.seconds(86_400)

  private func store(_ server: ObjectServer) throws -> ArtifactStore {
    ArtifactStore(
      root: folder.path("store"),
      shelf: ArtifactShelf(try ObjectBucket(ObjectBucket.Settings(server, prefix: "pre/"))))
  }

  private func text(_ artifact: Artifact?, in store: ArtifactStore) async throws -> String {
    let artifact = try #require(artifact)
    let pieces = try #require(try await store.pieces(of: artifact, offset: 0, length: artifact.size))
    var bytes: [UInt8] = []
    while let piece = try await pieces.next() { bytes += piece }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func keys(_ store: ArtifactStore) async throws -> [String] {
    try await #require(store.shelf).bucket.list("").entries.map(\.key)
  }

  @Test("are found by the job alone, where the contract says that they lie")
  func publish() async throws {
    let server = try await ObjectServer.start()
    let store = try store(server)
    let job = JobID()
    let file = try folder.write("made", to: "file")
    let artifact = try await store.publish(file, as: video, job: job, kind: kind, token: 7, owner: "alice")
    #expect(artifact.location == "s3://outputs/pre/ffmpeg-outputs/\(job)/out é.mp4")
    #expect(artifact.size == 4 && artifact.owner == "alice" && artifact.path == nil)
    #expect(artifact.contentType == "video/mp4")
    #expect(!FileManager.default.fileExists(atPath: file))
    #expect(try await store.artifact(of: job, name: video) == artifact)
    #expect(try await text(artifact, in: store) == "made")
    let log = ArtifactName("a.log")!
    _ = try await store.publish(
      try folder.write("log", to: "f"), as: log, job: job, kind: kind, token: 7, owner: "alice")
    _ = try await store.publish(
      try folder.write("new", to: "f"), as: video, job: job, kind: kind, token: 7, owner: "alice")
    #expect(try await store.artifacts(of: job).map(\.name) == [log, video])
    // What was found before is no longer there.
    #expect(try await store.pieces(of: artifact, offset: 0, length: 4) == nil)
    #expect(try await text(store.artifact(of: job, name: video), in: store) == "new")
    #expect(try await store.artifact(of: JobID(), name: video) == nil)
    try await store.removeArtifacts(of: job)
    #expect(try await store.artifacts(of: job) == [])
    #expect(try await keys(store) == [])
  }

  @Test("are those of the newest run; an older one is refused, and what it left is removed")
  func runs() async throws {
    let server = try await ObjectServer.start()
    let store = try store(server)
    let job = JobID()
    let other = ArtifactName("other.mp4")!
    for name in [video, other] {
      _ = try await store.publish(
        try folder.write("first", to: "f"), as: name, job: job, kind: kind, token: 9, owner: "a")
    }
    _ = try await store.publish(
      try folder.write("second", to: "f"), as: video, job: job, kind: kind, token: 10, owner: "a")
    let late = try folder.write("late", to: "late")
    await #expect(throws: ArtifactError.staleAttempt) {
      try await store.publish(late, as: video, job: job, kind: kind, token: 9, owner: "a")
    }
    #expect(try await store.artifacts(of: job).map(\.name) == [video])
    #expect(try await text(store.artifact(of: job, name: video), in: store) == "second")
    #expect(
      Set(try await keys(store))
        == ["pre/manifests/\(job).json", "pre/ffmpeg-outputs/\(job)/\(video)"])
  }

  @Test("do not appear when the lease is over, and what came of them goes with the job")
  func overrun() async throws {
    let server = try await ObjectServer.start()
    let store = try store(server)
    let job = JobID()
    await #expect(throws: ArtifactError.objects(.cancelled)) {
      try await store.publish(
        try folder.write("x", to: "f"), as: video, job: job, kind: kind, token: 1, owner: "a", isHeld: { false })
    }
    #expect(try await store.artifacts(of: job) == [])
    #expect(try await keys(store) == ["pre/manifests/\(job).json"])
    #expect(try await store.sweepObjects(olderThan: day, now: .now + day * 2) { _ in false } == 1)
    #expect(try await keys(store) == [])
  }

  @Test("of jobs that nobody knows any more are removed once they are old, and no others")
  func sweep() async throws {
    let server = try await ObjectServer.start()
    let store = try store(server)
    let (kept, forgotten) = (JobID(), JobID())
    for job in [kept, forgotten] {
      _ = try await store.publish(
        try folder.write("x", to: "x"), as: video, job: job, kind: kind, token: 1, owner: "a")
    }
    #expect(try await store.sweepObjects(olderThan: day) { _ in false } == 0)
    #expect(try await store.sweepObjects(olderThan: day, now: .now + day * 2) { $0 == kept } == 1)
    #expect(try await store.artifact(of: kept, name: video) != nil)
    #expect(try await store.artifact(of: forgotten, name: video) == nil)
    #expect(try await keys(store).count == 2)
  }

  @Test("that a killed worker had half sent are taken back once they are old and their job does not run")
  func unfinished() async throws {
    let server = try await ObjectServer.start()
    let store = try store(server)
    let bucket = try #require(store.shelf).bucket
    let (running, lost) = (JobID(), JobID())
    for key in ["pre/ffmpeg-outputs/\(running)/a", "pre/ffmpeg-outputs/\(lost)/a", "else/ffmpeg-outputs/\(lost)/a"] {
      _ = try await bucket.answer(to: bucket.request(.post, key, query: [("uploads", "")]), "begin", expecting: [200])
    }
    // moto says of every upload that it was begun then.
    let begun = try #require(ObjectBucket.time("2010-11-10T20:48:33.000Z"))
    #expect(try await store.sweepUnfinished(olderThan: day, now: begun + day / 2) { _ in false } == 0)
    #expect(try await store.sweepUnfinished(olderThan: day, now: begun + day) { $0 == running } == 1)
    #expect(
      Set(try await bucket.listUnfinished("").entries.map(\.key))
        == ["pre/ffmpeg-outputs/\(running)/a", "else/ffmpeg-outputs/\(lost)/a"])
  }

  @Test("cannot be had while the bucket is away, which is no answer that there are none")
  func away() async throws {
    let server = try await ObjectServer.start()
    let store = try store(server)
    let job = JobID()
    try await server.misbehave(.init(.refuses, "GET", "manifests", times: 9))
    await #expect(throws: ArtifactError.objects(.refused("give an object", status: 403, code: "AccessDenied"))) {
      try await store.artifact(of: job, name: video)
    }
    let file = try folder.write("x", to: "f")
    await #expect(throws: ArtifactError.objects(.refused("give an object", status: 403, code: "AccessDenied"))) {
      try await store.publish(file, as: video, job: job, kind: kind, token: 1, owner: "a")
    }
    #expect(FileManager.default.fileExists(atPath: file))
  }
}
