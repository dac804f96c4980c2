import Redis

extension RedisClient {
  /// Sends a command of texts.
  func ask(_ name: String, _ arguments: [String]) async throws(RedisError) -> RedisValue {
    var command = RedisCommand(name)
    for argument in arguments { command.append(argument) }
    return try await send(command)
  }

  /// A hash, by field; empty where there is none.
  func hash(_ key: String) async throws(RedisError) -> [String: [UInt8]] {
    let parts = try await ask("HGETALL", [key]).elements ?? []
    var fields: [String: [UInt8]] = [:]
    for index in stride(from: 0, to: parts.count - 1, by: 2) {
      if let name = parts[index].text { fields[name] = parts[index + 1].bytes }
    }
    return fields
  }

  /// All of a list or a sorted set, from its lowest.
  func texts(_ name: String, _ key: String) async throws(RedisError) -> [String] {
    try await ask(name, [key, "0", "-1"]).elements?.compactMap(\.text) ?? []
  }

  /// A number that a command answers with.
  func count(_ name: String, _ key: String) async throws(RedisError) -> Int {
    Int(try await ask(name, [key]).integer ?? 0)
  }

  /// Runs a script; the texts behind the keys are its arguments.
  func run(_ script: String, keys: [String], _ arguments: [String]) async throws(RedisError) -> RedisValue {
    try await ask("EVAL", [script, "\(keys.count)"] + keys + arguments)
  }

  /// Names of keys that match a pattern; reads through all there are, a part at a time.
  func keys(matching pattern: String) async throws(RedisError) -> Set<String> {
    var found: Set<String> = []
    var cursor = "0"
    repeat {
      let answer = try await ask("SCAN", [cursor, "MATCH", pattern, "COUNT", "1000"]).elements ?? []
      cursor = answer.first?.text ?? "0"
      for key in answer.last?.elements ?? [] { if let text = key.text { found.insert(text) } }
    } while cursor != "0"
    return found
  }
}
