package import EventLoop

/// A Lua function that Redis keeps under a name, with the library that brings it.
///
/// Redis 7.0 and later. A Redis that does not have the function (a new one, one that was flushed, an empty replica
/// after a failover) says so, and is given the library; it keeps it over a restart, and its replicas have it too.
@EventLoop
package final class RedisFunction {
  /// Of letters, digits and `_`; no other library of the same Redis defines it.
  package nonisolated let name: String
  /// Its source, from `#!lua name=…` on.
  package nonisolated let library: String
  /// The load that is under way: a Redis that lost the function is given it once, however many ask.
  var loading: Task<Result<Void, RedisError>, Never>?

  package nonisolated init(name: String, library: String) {
    self.name = name
    self.library = library
  }
}
