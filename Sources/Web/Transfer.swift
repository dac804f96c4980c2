import Synchronization

/// One exchange with a server, between who asked for it and the thread that does it.
///
/// The answer's body waits here until it is taken, at most ``limit`` bytes and what one call of libcurl brings; while it
/// waits the transfer stands still, and the server with it.
final class Transfer: Sendable {
  let request: HTTPRequest
  private let state = Mutex(State())

  /// In bytes.
  static let limit = 128 << 10

  private struct State {
    var buffer: [UInt8] = []
    var isPaused = false
    var isCancelled = false
    var head: HTTPHead?
    var end: Result<Void, HTTPError>?
    var headWaiter: CheckedContinuation<Result<HTTPHead, HTTPError>, Never>?
    var pieceWaiter: CheckedContinuation<Result<[UInt8]?, HTTPError>, Never>?

    /// Bytes that are there go before the end.
    mutating func takePiece() -> Result<[UInt8]?, HTTPError>? {
      if isCancelled { return .failure(.cancelled) }
      if !buffer.isEmpty {
        defer { buffer = [] }
        return .success(buffer)
      }
      return end?.map { nil }
    }
  }

  init(_ request: HTTPRequest) { self.request = request }

  // MARK: Of the thread

  enum Room { case taken, full, gone }

  func headCame(_ head: HTTPHead) {
    let waiter = state.withLock { state in
      state.head = head
      defer { state.headWaiter = nil }
      return state.headWaiter
    }
    waiter?.resume(returning: .success(head))
  }

  /// `full`: nothing was taken, and whoever takes what is there asks the thread to go on.
  func bodyCame(_ bytes: UnsafeRawBufferPointer) -> Room {
    let (room, waiter) = state.withLock { state in
      if state.isCancelled { return (Room.gone, nil as (() -> Void)?) }
      guard state.buffer.count < Self.limit else {
        state.isPaused = true
        return (.full, nil)
      }
      guard let waiter = state.pieceWaiter else {
        state.buffer.append(contentsOf: bytes)
        return (.taken, nil)
      }
      state.pieceWaiter = nil
      let piece = Array(bytes)
      return (.taken, { waiter.resume(returning: .success(piece)) })
    }
    waiter?()
    return room
  }

  func ended(_ result: Result<Void, HTTPError>) {
    let (head, headWaiter, pieceWaiter) = state.withLock { state in
      state.end = result
      defer {
        state.headWaiter = nil
        state.pieceWaiter = nil
      }
      return (state.head, state.headWaiter, state.pieceWaiter)
    }
    headWaiter?.resume(returning: Self.answer(head, result))
    pieceWaiter?.resume(returning: result.map { nil })
  }

  private static func answer(
    _ head: HTTPHead?, _ result: Result<Void, HTTPError>
  ) -> Result<HTTPHead, HTTPError> {
    if let head { return .success(head) }
    return result.flatMap { .failure(.interrupted(reason: "there was no answer")) }
  }

  // MARK: Of who asked

  func head() async -> Result<HTTPHead, HTTPError> {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer: Result<HTTPHead, HTTPError>? = state.withLock { state in
          if state.isCancelled { return .failure(.cancelled) }
          if let end = state.end { return Self.answer(state.head, end) }
          if let head = state.head { return .success(head) }
          precondition(state.headWaiter == nil, "two wait for one head")
          state.headWaiter = continuation
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      cancel()
    }
  }

  /// What has come of the body, waiting for at least a byte; nil at its end.
  func piece() async -> Result<[UInt8]?, HTTPError> {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let (answer, goesOn) = state.withLock { state in
          precondition(state.pieceWaiter == nil, "two read one body")
          guard let answer = state.takePiece() else {
            state.pieceWaiter = continuation
            return (nil as Result<[UInt8]?, HTTPError>?, false)
          }
          defer { state.isPaused = false }
          return (answer, state.isPaused)
        }
        if let answer { continuation.resume(returning: answer) }
        if goesOn { TransferThread.shared.goOn(self) }
      }
    } onCancel: {
      cancel()
    }
  }

  /// Ends it, if it has not ended; harmless otherwise.
  func cancel() {
    let (isNew, headWaiter, pieceWaiter) = state.withLock { state in
      let isNew = !state.isCancelled && state.end == nil
      state.isCancelled = true
      state.buffer = []
      defer {
        state.headWaiter = nil
        state.pieceWaiter = nil
      }
      return (isNew, state.headWaiter, state.pieceWaiter)
    }
    headWaiter?.resume(returning: .failure(.cancelled))
    pieceWaiter?.resume(returning: .failure(.cancelled))
    if isNew { TransferThread.shared.abandon(self) }
  }
}
