package import EventLoop

/// A Lua script that runs inside Redis, called by its digest.
///
/// Redis computes the digest when it first loads the script. A Redis that does not have the script
/// (restarted, flushed, failed over) says so, and gets it again.
@EventLoop
package final class RedisScript {
  package nonisolated let name: String
  package nonisolated let source: String
  /// The SHA-1 of the source, once Redis told it.
  var digest: String?
  /// The load that is under way: a Redis that lost the script is given it once, however many ask.
  var loading: Task<Result<String, RedisError>, Never>?

  package nonisolated init(name: String, source: String) {
    self.name = name
    self.source = source
  }
}
