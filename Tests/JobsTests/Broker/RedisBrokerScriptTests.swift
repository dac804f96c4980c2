import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Jobs

@Suite("The functions of the Redis broker") struct RedisBrokerScriptTests {
  private static let keys = RedisKeys(prefix: "test:", partition: 0)

  /// A function of its own around some includes.
  private static func function(_ lines: String...) -> RedisFunction {
    LuaAssembler(includes: RedisScripts.includes, constants: keys.constants)
      .assemble(Array(lines.joined(separator: "\n").utf8), as: "test")
  }

  @Test("name no constant that is not there")
  func constants() {
    for script in RedisScripts(keys: Self.keys).all {
      var isQuoted = false
      for part in script.library.split(separator: "\"", omittingEmptySubsequences: false) {
        defer { isQuoted.toggle() }
        guard !isQuoted else { continue }
        let words = part.split { !($0.isLetter || $0.isNumber || $0 == "_") }
        let capitals = words.filter { word in
          word.first?.isLetter == true && word.allSatisfy { $0.isUppercase || $0 == "_" }
        }
        #expect(Set(capitals).isSubset(of: ["KEYS", "ARGV"]), "\(script.name)")
      }
    }
  }

  @Test("begin each call with what they declare, whatever the one before left or threw")
  func beginnings() async throws {
    let server = try await RedisServer.start()
    let assembler = LuaAssembler(
      includes: [
        "sum": Array(
          "local seen = {}\nlocal total, calls = 0, 0\nlocal function add(n)\n  seen[#seen + 1] = n\n  total, calls = total + n, calls + 1\nend\n"
            .utf8)
      ],
      constants: ["TEN": "10"])
    let function = assembler.assemble(
      Array(
        "--- @include \"sum\"\nfor _, n in ipairs(ARGV) do add(tonumber(n)) end\nif ARGV[1] == \"TEN\" then add(TEN) end\nreturn { total, calls, #seen }"
          .utf8),
      as: "sum")
    try await server.ask(RedisCommand("FUNCTION", "LOAD", function.library))
    func call(_ words: String...) async throws -> RedisValue {
      var command = RedisCommand("FCALL", function.name, "0")
      for word in words { command.append(word) }
      return try await server.ask(command)
    }
    for _ in 1...2 {
      #expect(try await call("1", "2").elements?.compactMap(\.integer) == [3, 2, 2])
      await #expect(throws: RedisError.self) { try await call("TEN") }
    }
  }

  @Test("are all there from the start, without those of an older version, and another broker's are left alone")
  func versions() async throws {
    let server = try await RedisServer.start()
    func load(_ name: String) async throws {
      try await server.ask(
        RedisCommand(
          "FUNCTION", "LOAD", "#!lua name=\(name)\nredis.register_function(\"\(name)\", function() return 1 end)"))
    }
    let prefix = RedisKeys(prefix: "fanfare:", partition: 0).functions
    let other = Self.keys.functions
    for name in [prefix + "_enqueue_0123456789abcdef", other + "_enqueue_0123456789abcdef", "another"] {
      try await load(name)
    }
    let broker = await RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    let list = try await server.ask(RedisCommand("FUNCTION", "LIST"))
    let names = list.elements?.compactMap { $0.elements?.dropFirst().first?.text } ?? []
    #expect(!names.contains(prefix + "_enqueue_0123456789abcdef"))
    let own = await broker.scripts.all.map(\.name)
    #expect(Set(names) == Set(own + [other + "_enqueue_0123456789abcdef", "another"]))
    await broker.close()
  }

  @Test("count a duration in the bucket that Swift does")
  func buckets() async throws {
    let server = try await RedisServer.start()
    var durations: [Int64] = Array(-1...2000)
    for power in 0..<40 { durations += [-1, 0, 1].map { (Int64(1) << Int64(power)) + $0 } }
    for quarter in 0..<160 {
      // Where one bucket ends and the next begins.
      var edge = 1.0
      for _ in 0..<quarter { edge *= 1.189207115002721 }
      durations += [-1, 0, 1].map { Int64(edge) + $0 }
    }
    let function = Self.function(
      "--- @include \"includes/bucket\"", "local answer = {}",
      "for index, ms in ipairs(ARGV) do answer[index] = bucket(tonumber(ms)) end", "return answer")
    try await server.ask(RedisCommand("FUNCTION", "LOAD", function.library))
    var command = RedisCommand("FCALL", function.name, "0")
    for duration in durations { command.append(duration) }
    let answers = try await server.ask(command).elements?.compactMap(\.integer) ?? []
    #expect(answers.count == durations.count)
    for (duration, answer) in zip(durations, answers) {
      #expect(DurationHistogram.bucket(of: .milliseconds(duration)) == Int(answer), "\(duration) ms")
    }
  }

  @Test("write a job's id as people do")
  func ids() async throws {
    let server = try await RedisServer.start()
    let ids = (0..<50).map { JobID(at: Timestamp(milliseconds: Int64($0) << 40), partition: $0 * 80) }
    let function = Self.function(
      "--- @include \"includes/uuid\"", "local answer = {}",
      "for index, id in ipairs(ARGV) do answer[index] = uuid(id) end", "return answer")
    try await server.ask(RedisCommand("FUNCTION", "LOAD", function.library))
    var command = RedisCommand("FCALL", function.name, "0")
    for id in ids { command.append(id.key) }
    let answers = try await server.ask(command).elements?.compactMap(\.text)
    #expect(answers == ids.map(\.description))
  }

  @Test("place a job where Swift does")
  func scores() async throws {
    let server = try await RedisServer.start()
    let function = Self.function(
      "--- @include \"includes/score\"",
      "local job = { sequence = tonumber(ARGV[1]), priority = tonumber(ARGV[2]), more = {} }",
      "if ARGV[3] == \"l\" then job.more.b = HALF - job.sequence end",
      "job.more.ag = tonumber(ARGV[4])",
      "return string.format(\"%.0f\", score(job))")
    try await server.ask(RedisCommand("FUNCTION", "LOAD", function.library))
    for sequence in [Int64(0), 59_876_543_210_987, 399_999_999_999_999] {
      for order in QueueOrder.allCases {
        for (level, ageing) in [(1, 0), (5, 60_000), (10, 0), (10, 86_400_000)] {
          let answer = try await server.ask(
            RedisCommand(
              "FCALL", function.name, "0", "\(sequence)", "\(level)", order == .lifo ? "l" : "f",
              ageing == 0 ? "" : "\(ageing)"))
          let score = QueueScore(
            base: QueueScore.base(of: sequence, order: order), priority: Priority(level)!,
            ageing: ageing == 0 ? nil : .milliseconds(ageing))
          #expect(answer.text == "\(score.value)")
        }
      }
    }
  }
}

@Suite("A job's id in Redis") struct JobIDKeyTests {
  @Test("comes back as it was, and sorts as the ids do")
  func roundTrip() {
    var ids = (0..<200).map { JobID(at: Timestamp(milliseconds: Int64($0) << 39 | 7), partition: $0 * 20) }
    ids += (0..<200).map { _ in JobID() }
    for id in ids {
      #expect(id.key.utf8.count == 22)
      #expect(JobID(key: id.key) == id)
    }
    let sorted = ids.sorted().map { Array($0.key.utf8) }
    for (first, second) in zip(sorted, sorted.dropFirst()) where first != second {
      #expect(first.lexicographicallyPrecedes(second))
    }
  }

  @Test("is read from nothing else", arguments: ["", "0", "x y", String(repeating: "z", count: 22)])
  func unreadable(_ text: String) {
    #expect(JobID(key: text) == nil)
    #expect(JobID(key: JobID().key + text + "-") == nil)
  }
}

@Suite("MessagePack") struct MessagePackTests {
  private static let values: [MessagePack] = [
    .none, .boolean(true), .boolean(false), .integer(0), .integer(127), .integer(128), .integer(-1),
    .integer(-129), .integer(9_007_199_254_740_991), .integer(.min), .number(0.25), .number(-1e300),
    .bytes([]), .bytes((0...255).map { UInt8($0) }), .text(String(repeating: "é", count: 70_000)),
    .array([]), .array([.integer(1), .text("a"), .array([.boolean(true)])]),
    .map(["a": .integer(1), "b": .map(["c": .bytes([0])])]),
  ]

  @Test("gives back any values")
  func roundTrip() {
    let bytes = Self.values.flatMap(\.encoded)
    #expect(MessagePack.values(in: bytes) == Self.values)
  }

  @Test("is not read where it is broken")
  func broken() {
    for value in Self.values {
      let bytes = value.encoded
      for count in [1, 2, bytes.count / 2, bytes.count - 1] where (1..<bytes.count).contains(count) {
        #expect(MessagePack.values(in: Array(bytes.prefix(count))) == nil)
      }
    }
    #expect(MessagePack.values(in: [0xC1]) == nil)
    let deep = [UInt8](repeating: 0x91, count: 100)
    #expect(MessagePack.values(in: deep) == nil)
  }

  @Test("is what Redis writes and reads")
  func redis() async throws {
    let server = try await RedisServer.start()
    for value in Self.values where value != .map([:]) && value != .array([]) {
      var command = RedisCommand(
        "EVAL", "return cmsgpack.pack(cmsgpack.unpack(ARGV[1]))", "0")
      command.append(value.encoded)
      let answer = try await server.ask(command)
      let back = answer.bytes.flatMap { MessagePack.values(in: $0) }
      // Redis has doubles only: a whole number beyond them comes back rounded.
      if value != .integer(.min) { #expect(back == [value]) }
    }
  }
}

@Suite("A job's record in Redis") struct RedisRecordTests {
  @Test("is nothing where it is broken")
  func broken() {
    #expect(RedisRecord([]) == nil)
    #expect(RedisRecord(Array("hello".utf8)) == nil)
    let values: [MessagePack] = [
      .text("w"), .integer(5), .integer(0), .integer(0), .integer(1), .integer(7), .integer(0),
      .text("mail"), .text("example"), .text("alice"), .text("{}"),
    ]
    let whole = MessagePack.array(values).encoded
    #expect(RedisRecord(whole)?.user == "alice")
    #expect(RedisRecord(whole)?.payload == .emptyObject)
    for index in values.indices {
      var less = values
      less[index] = .boolean(true)
      // Only the payload may be elsewhere.
      #expect((RedisRecord(MessagePack.array(less).encoded) == nil) == (index != 10))
    }
  }
}
