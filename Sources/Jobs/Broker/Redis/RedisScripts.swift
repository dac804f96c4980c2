import Redis

/// The scripts of a partition, assembled from `Sources/Jobs/Lua`.
///
/// A line `--- @include "x"` stands for the text of x; `keys` is written by ``RedisKeys``. Names of
/// keys are constants in the text, not arguments: a call carries only what differs from the last.
struct RedisScripts: Sendable {
  let enqueue, lease, upcoming, extend, report, log, settle, cancel, reap, read, list,
    spendRequest: RedisScript

  init(keys: RedisKeys) {
    func script(_ name: String, _ bytes: [UInt8]) -> RedisScript {
      RedisScript(name: name, source: Self.assemble(bytes, preamble: keys.preamble))
    }
    enqueue = script("enqueue", PackageResources.enqueue_lua)
    lease = script("lease", PackageResources.lease_lua)
    upcoming = script("upcoming", PackageResources.upcoming_lua)
    extend = script("extend", PackageResources.extend_lua)
    report = script("report", PackageResources.report_lua)
    log = script("log", PackageResources.log_lua)
    settle = script("settle", PackageResources.settle_lua)
    cancel = script("cancel", PackageResources.cancel_lua)
    reap = script("reap", PackageResources.reap_lua)
    read = script("read", PackageResources.read_lua)
    list = script("list", PackageResources.list_lua)
    spendRequest = script("spend_request", PackageResources.spend_request_lua)
  }

  var all: [RedisScript] {
    [
      enqueue, lease, upcoming, extend, report, log, settle, cancel, reap, read, list, spendRequest,
    ]
  }

  private static let includes: [String: [UInt8]] = [
    "includes/emit": PackageResources.emit_lua,
    "includes/now": PackageResources.now_lua,
    "includes/pack": PackageResources.pack_lua,
    "includes/promote": PackageResources.promote_lua,
    "includes/read_job": PackageResources.read_job_lua,
    "includes/requeue": PackageResources.requeue_lua,
    "includes/retire": PackageResources.retire_lua,
    "includes/score": PackageResources.score_lua,
    "includes/wake": PackageResources.wake_lua,
    "includes/words": PackageResources.words_lua,
  ]

  private static func assemble(_ script: [UInt8], preamble: String) -> String {
    let lines = String(decoding: script, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
    return lines.map { line in
      guard line.hasPrefix("--- @include \""), line.hasSuffix("\"") else { return String(line) }
      let name = String(line.dropFirst(14).dropLast())
      if name == "keys" { return preamble }
      guard let bytes = includes[name] else {
        preconditionFailure("a script includes \(name), which is not there")
      }
      return String(decoding: bytes, as: UTF8.self)
    }
    .joined(separator: "\n")
  }
}
