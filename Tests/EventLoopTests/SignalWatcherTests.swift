import EventLoop
import Foundation
import Support
import Testing

// One after the other: a signal is the whole process's.
@Suite("A signal watcher", .serialized, .timeLimit(.minutes(1)))
@EventLoop struct SignalWatcherTests {
  @Test("tells of a signal in place of its default action, each time, and every watcher")
  func received() async throws {
    let heard = Arrivals<String>()
    let one = SignalWatcher(SIGUSR2) { heard.append("one") }
    let two = SignalWatcher(SIGUSR2) { heard.append("two") }
    kill(getpid(), SIGUSR2)
    #expect(try await heard.values(atLeast: 2).sorted() == ["one", "two"])
    kill(getpid(), SIGUSR2)
    #expect(try await heard.values(atLeast: 4).sorted() == ["one", "one", "two", "two"])
    withExtendedLifetime((one, two)) {}
  }

  @Test("tells of its own signal only, and of none once it is let go")
  func letGo() async throws {
    let heard = Arrivals<String>()
    let control = SignalWatcher(SIGUSR2) { heard.append("control") }
    let other = SignalWatcher(SIGWINCH) { heard.append("other") }
    var watcher: SignalWatcher? = SignalWatcher(SIGUSR2) { heard.append("let go") }
    #expect(watcher != nil)
    watcher = nil
    kill(getpid(), SIGUSR2)
    #expect(try await heard.values(atLeast: 1) == ["control"])
    // A second round: by then whoever else heard the first would have told.
    kill(getpid(), SIGUSR2)
    #expect(try await heard.values(atLeast: 2) == ["control", "control"])
    withExtendedLifetime((control, other)) {}
  }
}
