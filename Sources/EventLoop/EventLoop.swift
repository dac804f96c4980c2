/// The one thread on which sockets, timers and everything that touches them live.
///
/// A class marked `@EventLoop` may call another directly: between them there is no lock, no hop and
/// no queue. The price is that there is one loop a process; more cores means more processes.
@globalActor
package actor EventLoop {
  package static let shared = EventLoop()

  /// The executor under the actor: a libuv loop on a thread of its own, started at first use.
  package static let executor = EventLoopExecutor()

  nonisolated package var unownedExecutor: UnownedSerialExecutor {
    Self.executor.asUnownedSerialExecutor()
  }

  /// Runs `body` as code of the loop, from a C callback that is known to be called on its thread.
  ///
  /// Crashes when called on any other thread.
  package nonisolated static func assumeIsolated<Result: Sendable>(
    _ body: @EventLoop () throws -> Result
  ) rethrows -> Result {
    typealias Unisolated = () throws -> Result
    executor.checkIsolated()
    return try withoutActuallyEscaping(body) { body in
      // The isolation is in the type only; that we are on the loop's thread was checked above.
      try unsafeBitCast(body, to: Unisolated.self)()
    }
  }

  /// Runs `body` on the loop and returns its value; one hop from any other thread.
  package static func run<Result: Sendable>(
    _ body: @EventLoop @Sendable () throws -> Result
  ) async rethrows -> Result {
    try await onLoop(body)
  }

  @EventLoop private static func onLoop<Result: Sendable>(
    _ body: @EventLoop @Sendable () throws -> Result
  ) async rethrows -> Result {
    try body()
  }
}
