import EventLoop
import Foundation
import Jobs
import Support
import Testing
import Web

@Suite("Files in and out", .timeLimit(.minutes(4))) struct OutputTests {
  private static let making = """
    [[workers.commands]]
    name = "copy"
    program = "/bin/sh"
    arguments = ["-c", 'cat "$0" > "$1"', "{input}", "{output}"]
    [[workers.commands]]
    name = "zeros"
    program = "/bin/sh"
    arguments = ["-c", 'truncate -s "$0" "$1"', "{payload.size}", "{output}"]
    """

  private static func bucket(_ server: ObjectServer) -> String {
    """
    [artifacts]
    bucket = "\(ObjectServer.bucket)"
    endpoint = "\(server.endpoint)"
    access_key = "\(server.accessKey)"
    secret_key = "\(server.secretKey)"
    prefix = "end/"
    path_style = true
    part_size = "8MiB"
    stall_time = "5s"
    allow_private_addresses = true
    """
  }

  private func withFleet(_ extra: String = "", _ body: (Fleet) async throws -> Void) async throws {
    let fleet = try await Fleet(extra: Self.making + "\n" + extra)
    do { try await body(fleet) } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }

  private func request(
    _ port: Int, _ method: HTTPRequest.Method = .get, _ path: String, _ token: String?,
    headers: [(name: String, value: String)] = [], body: HTTPRequest.Body = .none, size: Int? = 1 << 20
  ) throws -> HTTPRequest {
    var headers = headers
    if let token { headers.append(("authorization", "Bearer \(token)")) }
    headers.append(("content-type", "application/octet-stream"))
    return HTTPRequest(
      method, try WebAddress("http://127.0.0.1:\(port)\(path)"), headers: headers, body: body,
      limits: HTTPLimits(addresses: .any, size: size))
  }

  private func document(_ answer: Web.HTTPAnswer) throws -> JSONValue { try JSONDocument(bytes: answer.body).root }

  @EventLoop private func end(
    of kind: String, _ payload: String, _ client: JobClient, state: String = "completed"
  ) async throws -> JSONValue {
    let reply = try await client.rpc(
      "job.submit",
      #"{"kind":"\#(kind)","payload":\#(payload),"watch":true,"max_attempts":20,"#
        + #""retry":{"growth":"fixed","base":0.2,"jitter":0}}"#)
    #expect(reply["error"] == nil, "\(reply.text)")
    return try await client.event { $0["state"]?.string == state }
  }

  @Test("pass from an upload through a job and a bucket to whoever may have them, byte by byte")
  func bucket() async throws {
    let server = try await ObjectServer.start()
    try await withFleet(Self.bucket(server)) { fleet in
      let (_, port) = try await fleet.gateway()
      _ = try await fleet.worker()
      let token = try fleet.token()
      var generator = SeededRandom(seed: 3)
      let bytes = (0..<20 << 17).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } }
      let upload = try await HTTPClient().send(
        try request(port, .post, "/v1/uploads?name=in.bin", token, body: .bytes(bytes)))
      let id = try #require(try document(upload)["upload"]?.string)
      let client = try await JobClient.connect(to: port, token: token)
      let done = try await end(of: "copy", #"{"input":"upload:\#(id)","output":"out é.bin"}"#, client)
      let artifact = try #require(done["result"]?["artifacts"]?.array?.first)
      let job = try #require(done["id"]?.string)
      let url = "/v1/artifacts/\(job)/out%20%C3%A9.bin"
      #expect(artifact["url"]?.string == url)
      #expect(artifact["location"]?.string == "s3://outputs/end/copy-outputs/\(job)/out é.bin")
      let whole = try await HTTPClient().send(try request(port, .get, url, token, size: 64 << 20))
      #expect(whole.status == 200 && whole.body == bytes)
      let part = try await HTTPClient().send(
        try request(port, .get, url, token, headers: [("range", "bytes=9000000-9000099")]))
      #expect(part.status == 206 && part.body == Array(bytes[9_000_000...9_000_099]))
      let head = try await HTTPClient().send(try request(port, .head, url, token))
      #expect(head.status == 200 && head.head.contentLength == bytes.count && head.head["etag"] == whole.head["etag"])
      let stranger = try await HTTPClient().send(try request(port, .get, url, fleet.token("mallory")))
      #expect(stranger.status == 404)
      let ticket = try document(
        try await HTTPClient().send(try request(port, .post, "\(url)/ticket", token, body: .bytes([]))))
      let opened = try await HTTPClient().send(
        try request(port, .get, try #require(ticket["url"]?.string), nil, headers: [("range", "bytes=-5")]))
      #expect(opened.status == 206 && opened.body == Array(bytes.suffix(5)))
      try await server.misbehave(.init(.refuses, "GET", "manifests", times: 1))
      let away = try await HTTPClient().send(try request(port, .get, url, token))
      #expect(away.status == 503)
      #expect(try document(away)["code"]?.string == "store-unavailable")
      try await server.misbehave(.init(.refuses, "GET", "outputs/", times: 1))
      #expect(try await HTTPClient().send(try request(port, .get, url, token)).status == 503)
    }
  }

  @Test("that a bucket does not take make the job fail for now, with the reason and without the key")
  func refused() async throws {
    let server = try await ObjectServer.start()
    try await withFleet(Self.bucket(server)) { fleet in
      let (_, port) = try await fleet.gateway()
      _ = try await fleet.worker()
      let client = try await JobClient.connect(to: port, token: fleet.token())
      try await server.misbehave(.init(.refuses, "PUT", "copy-outputs"), .init(.refuses, "PUT", "zeros-outputs"))
      let failed = try await end(of: "zeros", #"{"size":"1000"}"#, client, state: "retrying")
      #expect(failed["error"]?["code"]?.string == "store_failed")
      let message = try #require(failed["error"]?["message"]?.string)
      #expect(message.contains("403 AccessDenied"))
      #expect(!message.contains(server.secretKey) && !message.contains(server.accessKey))
      let done = try await client.event { $0["state"]?.string == "completed" }
      #expect(done["attempt"]?.int == 2)
    }
  }

  @Test("that a killed worker had half sent are seen by nobody, and are sent anew by the next")
  func killed() async throws {
    let server = try await ObjectServer.start()
    try await withFleet(Self.bucket(server)) { fleet in
      let (_, port) = try await fleet.gateway()
      let worker = try await fleet.worker()
      let client = try await JobClient.connect(to: port, token: fleet.token())
      try await server.misbehave(.init(.hangs, "PUT", "partNumber=2"))
      let started = try await end(of: "zeros", #"{"size":"20M"}"#, client, state: "running")
      let job = try #require(started["id"]?.string)
      try await server.waitFor("partNumber=2")
      await worker.end(SIGKILL)
      let url = "/v1/artifacts/\(job)/output"
      #expect(try await HTTPClient().send(try request(port, .get, url, fleet.token())).status == 404)
      _ = try await fleet.worker()
      let done = try await client.event { $0["state"]?.string == "completed" }
      #expect(done["result"]?["artifacts"]?.array?.first?["bytes"]?.int == 20 << 20)
      let whole = try await HTTPClient().send(try request(port, .get, url, fleet.token(), size: 64 << 20))
      #expect(whole.body.count == 20 << 20 && whole.body.allSatisfy { $0 == 0 })
    }
  }

  @Test("of a gibibyte pass through gateway and worker in a few mebibytes", arguments: [false, true])
  func memory(_ isInBucket: Bool) async throws {
    let size = 1 << 30
    let room = 8 << 20
    let server = isInBucket ? try await ObjectServer.start() : nil
    try await withFleet(server.map { Self.bucket($0) } ?? "") { fleet in
      let (gateway, port) = try await fleet.gateway()
      let worker = try await fleet.worker()
      let token = try fleet.token()
      let client = try await JobClient.connect(to: port, token: token)
      func peak(_ process: FanfareProcess, _ body: () async throws -> Void) async throws -> Int {
        #expect(ResidentMemory.forgetPeak(of: process.pid))
        let before = ResidentMemory.current(of: process.pid)
        try await body()
        return ResidentMemory.peak(of: process.pid) - before
      }
      var upload = ""
      let taking = try await peak(gateway) {
        let path = fleet.folder.path("sparse")
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        #expect(truncate(path, size) == 0)
        let file = try #require(ReadableFile(path))
        let answer = try await HTTPClient().send(
          try request(port, .post, "/v1/uploads?name=in.bin", token, body: .file(file, offset: 0, length: size)))
        upload = try #require(try document(answer)["upload"]?.string)
      }
      #expect(taking < room, "an upload took \(taking >> 10) KiB")
      var done: JSONValue?
      let making = try await peak(worker) {
        done = try await end(of: "copy", #"{"input":"upload:\#(upload)"}"#, client)
      }
      #expect(making < room, "an output took \(making >> 10) KiB")
      let url = try #require(done?["result"]?["artifacts"]?.array?.first?["url"]?.string)
      let giving = try await peak(gateway) {
        let download = try await HTTPClient().open(try request(port, .get, url, token, size: nil))
        var count = 0
        while let piece = try await download.next() { count += piece.count }
        #expect(count == size)
      }
      #expect(giving < room, "a download took \(giving >> 10) KiB")
    }
  }
}
