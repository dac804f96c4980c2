import EventLoop
import Foundation
import Jobs
import Support
import Testing

@testable import Gateway

@Suite("Forms with files") struct FormReceiverTests {
  private static func form(_ parts: String..., closed: Bool = true) -> String {
    parts.map { "--B\r\ncontent-disposition: form-data; \($0)\r\n" }.joined() + (closed ? "--B--\r\n" : "")
  }

  private func send(
    _ body: String, to system: String = "video_generator", at path: String = "/upload",
    limit: Int64 = 1 << 20, type: String = "multipart/form-data; boundary=B",
    _ look: @EventLoop (SessionHarness, FakeAnswer) async throws -> Void
  ) async throws {
    let api = try #require(LegacyAPI.all.first { $0.name == system })
    try await SessionHarness.run(
      settings: {
        $0.uploadLimit = limit
        $0.legacy = [LegacyMount(api)]
      }
    ) { harness in
      let answer = try await harness.ask(.post, path, body, headers: ["content-type": type])
      try await look(harness, answer)
    }
  }

  private func uploads(_ harness: SessionHarness) throws -> [String] {
    let folder = "\(harness.files.root)/uploads"
    return FileManager.default.fileExists(atPath: folder)
      ? try FileManager.default.contentsOfDirectory(atPath: folder) : []
  }

  @Test("that end before their last boundary leave nothing")
  func truncated() async throws {
    let form = Self.form("name=a; filename=a.png\r\n\r\nwhole", "name=b; filename=b.png\r\n\r\nhal", closed: false)
    try await send(form) { harness, answer in
      #expect(answer.status == 400)
      #expect(answer["error"]?.string == "The body is a form that ends before its last boundary")
      let left = try uploads(harness)
      #expect(left.isEmpty)
    }
  }

  @Test("that are too large are refused and leave nothing")
  func oversized() async throws {
    let form = Self.form("name=a; filename=a.png\r\n\r\n" + String(repeating: "x", count: 5000))
    try await send(form, limit: 4096) { harness, answer in
      #expect(answer.status == 413)
      let left = try uploads(harness)
      #expect(left.isEmpty)
    }
  }

  @Test("that are refused for what else they say leave nothing")
  func refused() async throws {
    let form = Self.form("name=priority\r\n\r\n11", "name=file; filename=a.mp4\r\n\r\nwhole")
    try await send(form, to: "demucs", at: "/process-video") { harness, answer in
      #expect(answer.status == 400)
      let left = try uploads(harness)
      #expect(left.isEmpty)
    }
    let session = Self.form("name=session_id\r\n\r\nx", "name=images; filename=a.png\r\n\r\nwhole")
    try await send(session) { harness, answer in
      #expect(answer.status == 400)
      let left = try uploads(harness)
      #expect(left.isEmpty)
    }
  }

  @Test(
    "give files no name that leads anywhere",
    arguments: [
      ("../../etc/passwd", "passwd"), ("C:\\videos\\a.mp4", "a.mp4"), ("..", "upload.bin"), ("", "upload.bin"),
      (".htaccess", "upload.bin"), ("a\u{202E}gpj.exe", "upload.bin"), ("dir/", "dir"),
    ])
  func names(given: String, kept: String) { #expect(FormReceiver.safeName(given) == kept) }

  @Test("are the only form of form")
  func types() async throws {
    try await send("a=b", type: "application/x-www-form-urlencoded") { _, answer in #expect(answer.status == 415) }
    try await send("bytes", type: "image/png") { _, answer in
      #expect(answer.status == 200)
      #expect(answer["count"]?.int == 1)
    }
  }

  @Test("have bounds on their fields and their files")
  func bounds() async throws {
    try await send(Self.form("name=a\r\n\r\n" + String(repeating: "x", count: FormReceiver.fieldLimit + 1))) {
      #expect($1.status == 400)
    }
    let names = (0..<50).map { "name=\"\(String(repeating: "n", count: 8000))\($0)\"\r\n\r\n" }
    let file = Self.form("name=f; filename=f.png\r\n\r\nbytes")
    try await send(names.map { Self.form($0, closed: false) }.joined() + file) { #expect($1.status == 400) }
    try await send(Self.form(names[0], closed: false) + file) { #expect($1.status == 200) }
    let many = (0...FormReceiver.fileLimit).map {
      "--B\r\ncontent-disposition: form-data; name=a; filename=\($0)\r\n\r\n\r\n"
    }
    try await send(many.joined() + "--B--\r\n") { harness, answer in
      #expect(answer.status == 400)
      let left = try uploads(harness)
      #expect(left.isEmpty)
    }
  }

  @Test("of a session are kept in the order they came, whoever brings two at once")
  func order() async throws {
    let store = ArtifactStore(root: TemporaryFolder().path)
    let session = SessionFolder()
    let ids = (0..<20).map { _ in UploadID() }
    for id in ids.prefix(10) { try await store.add(id, to: session, of: "alice") }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for id in ids.dropFirst(10) { group.addTask { try await store.add(id, to: session, of: "alice") } }
      try await group.waitForAll()
    }
    let found = try await store.uploads(in: session, of: "alice")
    #expect(Array(found.prefix(10)) == Array(ids.prefix(10)))
    #expect(Set(found) == Set(ids))
    #expect(try await store.uploads(in: session, of: "bob").isEmpty)
    #expect(try await store.sweepSessions(olderThan: .seconds(60)) == 0)
    #expect(try await store.sweepSessions(olderThan: .zero) == 1)
    #expect(try await store.uploads(in: session, of: "alice").isEmpty)
  }
}
