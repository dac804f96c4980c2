import CTaskResumption

extension EventLoop {
  /// Suspends the caller until what `body` was given is resumed; it goes on in a later turn of the loop.
  ///
  /// The same as `withCheckedContinuation`, but for where the caller goes on: a task whose continuation is resumed
  /// goes to a thread of the global pool first and from there to its actor, two changes of threads for each
  /// answer that is waited for. This one stays on the loop's thread (docs/decisions/0005).
  @EventLoop
  package static func suspend<Value: Sendable>(
    _ body: @EventLoop (LoopContinuation<Value>) -> Void
  ) async -> Value {
    await withCheckedContinuation { body(LoopContinuation($0)) }
  }

  /// Lets everything that is ready to run go first; who yields before another goes on before it.
  ///
  /// `Task.yield()` promises neither here: it goes by a thread of the global pool, and several come back in any order.
  @EventLoop
  package static func yield() async {
    // One that is resumed before it waits would not wait at all.
    await suspend { continuation in Task { @EventLoop in continuation.resume() } }
  }
}

/// A caller of the loop that waits; to be resumed exactly once, on the loop.
package struct LoopContinuation<Value: Sendable>: Sendable {
  private let continuation: CheckedContinuation<Value, Never>

  fileprivate init(_ continuation: CheckedContinuation<Value, Never>) { self.continuation = continuation }

  /// Lets the caller go on, with `value`. Nothing of it runs before this returns.
  @EventLoop
  package func resume(returning value: Value) {
    FanfareTaskResumptionBegin()
    continuation.resume(returning: value)
    FanfareTaskResumptionEnd()
  }
}

extension LoopContinuation where Value == Void {
  /// Lets the caller go on.
  @EventLoop
  package func resume() { resume(returning: ()) }
}
