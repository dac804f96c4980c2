import CTaskResumption
import CUV
import Foundation
import Synchronization

/// A serial executor over a libuv loop that runs on a thread of its own.
///
/// Jobs are appended under a lock and the loop is woken only if its queue was empty, and by a system call only
/// from another thread; each turn swaps the queue and runs the batch, and leaves what arrives meanwhile to the
/// next turn, so that sockets are served between batches.
package final class EventLoopExecutor: SerialExecutor {
  /// The loop, for code of this target and for libraries that attach themselves to it. Only to be
  /// used on the loop's thread.
  package let loop: LoopPointer

  private let wakeup: AsyncHandle
  private let idle: IdleHandle
  private let queue = Mutex(Queue())
  private let identity = Mutex<pthread_t?>(nil)

  /// The `uv_loop_t` as an opaque address: a C type does not leave its drawer.
  package struct LoopPointer: @unchecked Sendable {
    // Sendable because it is an address only; whoever follows it must be on the loop's thread.
    package let raw: UnsafeMutableRawPointer
    var uv: UnsafeMutablePointer<uv_loop_t> { raw.assumingMemoryBound(to: uv_loop_t.self) }
  }

  private struct AsyncHandle: @unchecked Sendable {
    // uv_async_send is the one libuv call that any thread may make.
    let uv: UnsafeMutablePointer<uv_async_t>
  }

  private struct IdleHandle: @unchecked Sendable {
    // Touched on the loop's thread only.
    let uv: UnsafeMutablePointer<uv_idle_t>
  }

  private struct Queue {
    var jobs: [UnownedJob] = []
    var isWoken = false
  }

  init() {
    let loop = UnsafeMutablePointer<uv_loop_t>.allocate(capacity: 1)
    let wakeup = UnsafeMutablePointer<uv_async_t>.allocate(capacity: 1)
    let idle = UnsafeMutablePointer<uv_idle_t>.allocate(capacity: 1)
    let code = uv_loop_init(loop)
    precondition(code == 0, "libuv could not make a loop: \(String(cString: uv_strerror(code)))")
    self.loop = LoopPointer(raw: loop)
    self.wakeup = AsyncHandle(uv: wakeup)
    self.idle = IdleHandle(uv: idle)
    uv_async_init(loop, wakeup) { handle in
      EventLoop.executor.runBatch()
    }
    uv_idle_init(loop, idle)
    FanfareTaskResumptionInstall { job in
      EventLoop.executor.append(unsafeBitCast(job, to: UnownedJob.self))
    }
    start()
  }

  private func start() {
    let thread = Thread { [self] in
      identity.withLock { $0 = pthread_self() }
      // Whoever started us may have had signals blocked, and children inherit that: here at least
      // they arrive, so that SIGTERM always ends a gateway in good order.
      var none = sigset_t()
      sigemptyset(&none)
      pthread_sigmask(SIG_SETMASK, &none, nil)
      // The wake-up handle keeps the loop alive: it runs until the process ends.
      uv_run(loop.uv, UV_RUN_DEFAULT)
      preconditionFailure("the event loop ended while the process goes on")
    }
    thread.name = "fanfare-loop"
    thread.stackSize = 8 << 20
    thread.start()
  }

  package func enqueue(_ job: consuming ExecutorJob) { append(UnownedJob(job)) }

  private func append(_ job: UnownedJob) {
    let mustWake = queue.withLock { queue in
      queue.jobs.append(job)
      defer { queue.isWoken = true }
      return !queue.isWoken
    }
    guard mustWake else { return }
    if isOnLoop {
      // The loop does not wait while it has an idle handle, and serves that before it looks at sockets.
      uv_idle_start(idle.uv) { handle in
        uv_idle_stop(handle)
        EventLoop.executor.runBatch()
      }
    } else {
      uv_async_send(wakeup.uv)
    }
  }

  private func runBatch() {
    let batch = queue.withLock { queue in
      defer {
        queue.jobs = []
        queue.isWoken = false
      }
      return queue.jobs
    }
    let executor = asUnownedSerialExecutor()
    for job in batch { job.runSynchronously(on: executor) }
  }

  package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    UnownedSerialExecutor(ordinary: self)
  }

  package func checkIsolated() {
    precondition(isOnLoop, "code of the event loop was called on another thread")
  }

  package func isIsolatingCurrentContext() -> Bool? { isOnLoop }

  /// Whether the caller is on the loop's thread.
  package var isOnLoop: Bool {
    identity.withLock { thread in
      guard let thread else { return false }
      return pthread_equal(thread, pthread_self()) != 0
    }
  }
}
