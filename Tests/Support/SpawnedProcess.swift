package import Foundation
import Synchronization

/// A process of a test's own, whose output is read line by line and whose end is seen at once.
///
/// Not Foundation's `Process`: that sees an end by a socket which every child started meanwhile
/// inherits, so that it may tell minutes late. This one waits for the process itself.
package final class SpawnedProcess: Sendable {
  /// It could not be started.
  package struct Failure: Error { package let code: Int32 }

  package let pid: pid_t
  /// What it says on both outputs; ends with it and all who inherited them.
  package let lines: AsyncStream<String>
  private let exit: AsyncStream<Never>
  private let status = Mutex<Int32?>(nil)

  // Where tests run under a sanitizer, the programs they start were built with it too, and report as the tests do.
  private static let sanitizerOptions = ProcessInfo.processInfo.environment.filter { name, _ in
    ["ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "LD_PRELOAD"].contains(name)
  }

  /// Starts a program, by its path, with exactly this environment (and the options of a sanitizer), no signal
  /// blocked, and no file open but its three. Its input ends when this process ends, however that happens.
  package init(_ program: String, _ arguments: [String], environment: [String: String]) throws {
    let ends = Self.pipe()
    let input = Self.pipe()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, input[0], 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
    _ = closeFrom(&actions, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    var settings: [UnsafeMutablePointer<CChar>?] =
      environment.merging(Self.sanitizerOptions) { own, _ in own }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    var pid: pid_t = 0
    let code = posix_spawn(&pid, program, &actions, &attributes, &words, &settings)
    for text in words + settings { free(text) }
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
    close(ends[1])
    close(input[0])
    guard code == 0 else {
      close(ends[0])
      close(input[1])
      throw Failure(code: code)
    }
    let child = pid
    self.pid = child
    let (lines, line) = AsyncStream<String>.makeStream()
    let (exit, ended) = AsyncStream<Never>.makeStream()
    self.lines = lines
    self.exit = exit
    let output = ends[0]
    Thread.detachNewThread { Self.read(output, line) }
    Thread.detachNewThread { [self] in
      var result: Int32 = 0
      while waitpid(child, &result, 0) < 0, errno == EINTR {}
      close(input[1])
      let signal = result & 0x7F
      status.withLock { $0 = signal == 0 ? result >> 8 & 0xFF : 128 + signal }
      ended.finish()
    }
  }

  /// A pipe that no child inherits by itself: where it is read, where it is written.
  private static func pipe() -> [Int32] {
    var ends: [Int32] = [0, 0]
    precondition(Foundation.pipe(&ends) == 0, "a pipe cannot be made")
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return ends
  }

  private static func read(_ descriptor: Int32, _ line: AsyncStream<String>.Continuation) {
    var rest: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = Foundation.read(descriptor, &piece, piece.count)
      guard count > 0 else { break }
      rest += piece[..<count]
      while let end = rest.firstIndex(of: 0x0A) {
        line.yield(String(decoding: rest[..<end], as: UTF8.self))
        rest.removeFirst(end + 1)
      }
    }
    if !rest.isEmpty { line.yield(String(decoding: rest, as: UTF8.self)) }
    close(descriptor)
    line.finish()
  }

  /// Sends a signal, unless it has ended.
  package func signal(_ number: Int32) {
    status.withLock { if $0 == nil { _ = kill(pid, number) } }
  }

  /// Its exit code once it has ended; 128 and the signal where one ended it.
  package func ended() async -> Int32 {
    for await _ in exit {}
    return status.withLock { $0 ?? -1 }
  }
}

/// glibc's `posix_spawn_file_actions_addclosefrom_np`, which its headers show to GNU sources only: the
/// child begins without the files that others of this process happen to have open.
@_silgen_name("posix_spawn_file_actions_addclosefrom_np")
private func closeFrom(
  _ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ first: Int32
) -> Int32
