import EventLoop
import Gateway
import Support
import Testing

@Suite("The patience with a reader", .timeLimit(.minutes(1))) @EventLoop struct ReaderPatienceTests {
  /// A reader that is behind until the test says otherwise; looked at again whenever a deadline has come.
  @EventLoop private final class Reader {
    let environment: SessionEnvironment
    var patience = ReaderPatience()
    var outbox = Outbox()
    var isBehind = true
    let verdicts = Arrivals<Bool>()

    init(in environment: SessionEnvironment) { self.environment = environment }

    /// What is decided now.
    func look() -> Bool {
      patience.isOver(with: outbox, isBehind: isBehind, in: environment) { [weak self] in
        guard let self else { return }
        verdicts.append(look())
      }
    }

    /// So many bytes that must arrive.
    func add(bytes: Int) { outbox.append(PreparedFrame(raw: Array(repeating: 0, count: bytes))) }
  }

  private func withReader(_ body: @EventLoop (Reader) async throws -> Void) async throws {
    try await SessionHarness.run(settings: {
      $0.slowConsumerLimit = 100
      $0.slowConsumerDeadline = .milliseconds(1)
    }) { harness in try await body(Reader(in: harness.gateway.environment)) }
  }

  @Test("is not tried by one that keeps up, whatever waits")
  func keepsUp() async throws {
    try await withReader { reader in
      reader.isBehind = false
      reader.add(bytes: 1000)
      #expect(!reader.look() && !reader.patience.isTried)
    }
  }

  @Test("is over at once where too much waits that must arrive")
  func limit() async throws {
    try await withReader { reader in
      reader.add(bytes: 100)
      #expect(!reader.look() && reader.patience.isTried)
      reader.add(bytes: 1)
      #expect(reader.look())
    }
  }

  @Test("is over at the deadline with one that took nothing, and with one that took a trickle")
  func deadline() async throws {
    for takesSome in [false, true] {
      try await withReader { reader in
        reader.add(bytes: 10)
        reader.add(bytes: 10)
        #expect(!reader.look())
        if takesSome {
          _ = reader.outbox.takeBatch(limit: 1)
          reader.patience.readerTook()
        }
        let verdicts = try await reader.verdicts.values(atLeast: 1)
        #expect(verdicts == [true])
      }
    }
  }

  @Test("lasts another deadline with one that took what waited, and is not tried once it has caught up")
  func goesOn() async throws {
    try await withReader { reader in
      reader.add(bytes: 10)
      #expect(!reader.look())
      _ = reader.outbox.takeBatch(limit: 1)
      reader.patience.readerTook()
      // What came later may still wait.
      reader.add(bytes: 10)
      let verdicts = try await reader.verdicts.values(atLeast: 1)
      #expect(verdicts.first == false)
      #expect(reader.patience.isTried)
      reader.isBehind = false
      #expect(!reader.look() && !reader.patience.isTried)
    }
  }

  @Test("meets no deadline once it was cancelled")
  func cancelled() async throws {
    try await withReader { reader in
      #expect(!reader.look())
      reader.patience.cancel()
      #expect(!reader.patience.isTried)
      let later = Arrivals<Bool>()
      reader.environment.wheel.schedule(after: .milliseconds(200)) { later.append(true) }
      _ = try await later.values(atLeast: 1)
      #expect(reader.verdicts.values.isEmpty)
    }
  }
}
