import Foundation
import Support
import Testing
import Web

@testable import Jobs

extension ObjectBucket.Settings {
  /// The bucket of a test's server.
  init(_ server: ObjectServer, prefix: String = "") {
    self.init(
      name: ObjectServer.bucket, endpoint: server.endpoint, accessKey: server.accessKey,
      secretKey: server.secretKey, prefix: prefix, isPathStyle: true, partSize: 5 << 20,
      stallTime: .seconds(5), allowsPrivateAddresses: true)
    firstPause = .milliseconds(10)
  }
}

@Suite("A bucket", .timeLimit(.minutes(2))) struct ObjectBucketTests {
  private let folder = TemporaryFolder()

  private func bucket(
    _ server: ObjectServer, _ change: (inout ObjectBucket.Settings) -> Void = { _ in }
  ) throws -> ObjectBucket {
    var settings = ObjectBucket.Settings(server)
    change(&settings)
    return try ObjectBucket(settings)
  }

  /// A file of which no two pieces are alike.
  private func file(_ size: Int) throws -> (ReadableFile, bytes: [UInt8]) {
    var generator = SeededRandom(seed: 7)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size + 8)
    while bytes.count < size { withUnsafeBytes(of: generator.next()) { bytes += $0 } }
    bytes.removeLast(bytes.count - size)
    let path = folder.path("file")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return (try #require(ReadableFile(path)), bytes)
  }

  private func all(
    _ bucket: ObjectBucket, _ key: String, _ tag: String, _ range: Range<Int>
  ) async throws -> [UInt8] {
    let download = try #require(
      try await bucket.open(key, tag: tag, offset: range.lowerBound, length: range.count))
    var bytes: [UInt8] = []
    while let piece = try await download.next() { bytes += piece }
    return bytes
  }

  private func fault(_ body: () async throws(ObjectFault) -> Void) async -> ObjectFault? {
    do throws(ObjectFault) { try await body() } catch { return error }
    return nil
  }

  @Test("takes what is signed with its key, whatever its name, and nothing that is signed with another")
  func signatures() async throws {
    let server = try await ObjectServer.start()
    let bucket = try bucket(server)
    for name in ["plain.txt", "a b/c", "é+ü%&=?#;,:@!$'()*.mp4", "日本", "a//b", "~_-.txt"] {
      let bytes = Array("of \(name)".utf8)
      try await bucket.put(bytes, as: "sign/\(name)", contentType: "text/plain; charset=utf-8")
      #expect(try await bucket.small("sign/\(name)") == bytes, "\(name)")
    }
    let keys = try await bucket.list("sign/").entries.map(\.key)
    #expect(keys.count == 6 && keys.contains("sign/a b/c"))
    try await bucket.remove("sign/plain.txt")
    try await bucket.remove("sign/plain.txt")
    #expect(try await bucket.small("sign/plain.txt") == nil)
    let stranger = try self.bucket(server) { $0.secretKey = "wrong" }
    #expect(
      await fault { () async throws(ObjectFault) in _ = try await stranger.small("sign/日本") }
        == .refused("give an object", status: 403, code: "SignatureDoesNotMatch"))
    let unknown = try self.bucket(server) { $0.accessKey = "AKIANOBODY" }
    #expect(
      await fault { () async throws(ObjectFault) in _ = try await unknown.small("sign/日本") }
        == .refused("give an object", status: 403, code: "InvalidAccessKeyId"))
    let elsewhere = try self.bucket(server) { $0.name = "another" }
    #expect(
      await fault { () async throws(ObjectFault) in _ = try await elsewhere.small("x") }
        == .refused("give an object", status: 404, code: "NoSuchBucket"))
    #expect(try await server.log.allSatisfy { !$0.hasSuffix(" 500") })
  }

  @Test("takes a large file part by part, though parts are lost, refused and to be slowed down")
  func parts() async throws {
    let server = try await ObjectServer.start()
    let bucket = try bucket(server)
    let (file, bytes) = try file((17 << 20) + 12_345)
    try await server.misbehave(
      .init(.slowsDown, "POST", "uploads="), .init(.slowsDown, "PUT", "partNumber=1"),
      .init(.resets, "PUT", "partNumber=2"), .init(.loses, "PUT", "partNumber=3"),
      .init(.fails, "POST", "uploadId="))
    let tag = try await bucket.put(file, as: "large/é.bin", contentType: "video/mp4") { true }
    #expect(tag.hasSuffix("-4\""))
    #expect(try await all(bucket, "large/é.bin", tag, 0..<bytes.count) == bytes)
    let middle = 5_000_000..<11_000_001
    #expect(try await all(bucket, "large/é.bin", tag, middle) == Array(bytes[middle]))
    #expect(try await bucket.open("large/é.bin", tag: "\"other\"", offset: 0, length: 10) == nil)
    #expect(try await bucket.open("large/none", tag: tag, offset: 0, length: 10) == nil)
    #expect(try await bucket.listUnfinished("").entries == [])
    for (number, times) in [(1, 2), (2, 2), (3, 2), (4, 1)] {
      #expect(try await server.log.count { $0.contains("partNumber=\(number)") } == times, "\(number)")
    }
  }

  @Test("knows of an upload that it was completed, though the answer was lost")
  func lostAnswer() async throws {
    let server = try await ObjectServer.start()
    let bucket = try bucket(server)
    let (file, bytes) = try file(6 << 20)
    try await server.misbehave(.init(.loses, "POST", "uploadId="))
    let tag = try await bucket.put(file, as: "lost", contentType: "video/mp4") { true }
    #expect(try await all(bucket, "lost", tag, 0..<bytes.count) == bytes)
  }

  @Test(
    "shows nothing of an upload that fails, and says why",
    arguments: [
      (ObjectServer.Fault(.refuses, "PUT", "partNumber=2"), "put an object and answered 403 AccessDenied"),
      (ObjectServer.Fault(.fails, "PUT", "partNumber=2", times: 99), "put an object and answered 500 InternalError"),
      (ObjectServer.Fault(.slowsDown, "PUT", "partNumber=1", times: 99), "put an object and answered 503 SlowDown"),
      (ObjectServer.Fault(.resets, "PUT", "partNumber=2", times: 99), "put an object, but the transfer broke off"),
      (ObjectServer.Fault(.refuses, "POST", "uploadId="), "complete an upload and answered 403 AccessDenied"),
      (
        ObjectServer.Fault(.hangs, "PUT", "partNumber=1", times: 99), "put an object, but nothing moved for 1.0 seconds"
      ),
    ])
  func failures(_ misdeed: ObjectServer.Fault, _ words: String) async throws {
    let server = try await ObjectServer.start()
    let bucket = try bucket(server) {
      $0.attempts = 3
      $0.stallTime = .seconds(1)
    }
    let (file, _) = try file(11 << 20)
    try await server.misbehave(misdeed)
    let fault = await fault { () async throws(ObjectFault) in
      _ = try await bucket.put(file, as: "never", contentType: "video/mp4") { true }
    }
    #expect("\(try #require(fault))".contains(words), "\(String(describing: fault))")
    #expect(try await bucket.small("never") == nil)
    #expect(try await bucket.listUnfinished("").entries == [])
  }

  @Test("shows nothing of a file whose run is over when all of it is there, or while it is sent")
  func over() async throws {
    let server = try await ObjectServer.start()
    let bucket = try bucket(server)
    for size in [100, 6 << 20] {
      let (file, _) = try file(size)
      let fault = await fault { () async throws(ObjectFault) in
        _ = try await bucket.put(file, as: "never", contentType: "video/mp4") { false }
      }
      #expect(fault == .cancelled)
    }
    try await server.misbehave(.init(.hangs, "PUT", "partNumber=2"))
    let (file, _) = try file(6 << 20)
    let task = Task {
      await fault { () async throws(ObjectFault) in
        _ = try await bucket.put(file, as: "halted", contentType: "video/mp4") { true }
      }
    }
    try await server.waitFor("halted?partNumber=2")
    task.cancel()
    #expect(await task.value == .cancelled)
    #expect(try await bucket.small("halted") == nil)
    #expect(try await bucket.listUnfinished("").entries == [])
  }

  @Test("is tried again, and in the end not reached, where nobody answers")
  func away() async throws {
    let server = try await ObjectServer.start()
    let bucket = try bucket(server) { $0.attempts = 2 }
    await server.kill()
    #expect(
      await fault { () async throws(ObjectFault) in _ = try await bucket.small("x") }
        == .unreachable("give an object", .cannotConnect))
    let strict = try self.bucket(server) { $0.allowsPrivateAddresses = false }
    #expect(
      await fault { () async throws(ObjectFault) in _ = try await strict.small("x") }
        == .unreachable("give an object", .privateAddress))
  }

  @Test("stands before the host or behind it")
  func addresses() throws {
    var settings = ObjectBucket.Settings(name: "b", region: "eu-west-1", accessKey: "a", secretKey: "s")
    #expect(
      try ObjectBucket(settings).request(.get, "k/é").address.text
        == "https://b.s3.eu-west-1.amazonaws.com/k/%C3%A9")
    settings.endpoint = "http://minio:9000/"
    settings.isPathStyle = true
    #expect(
      try ObjectBucket(settings).request(.put, "k", query: [("uploadId", "a/b"), ("partNumber", "1")]).address.text
        == "http://minio:9000/b/k?partNumber=1&uploadId=a%2Fb")
    #expect(try ObjectBucket(settings).location(of: "k/l") == "s3://b/k/l")
  }
}
