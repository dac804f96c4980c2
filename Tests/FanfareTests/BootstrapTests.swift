import EventLoop
import Foundation
import Jobs
import Synchronization
import Testing

@testable import Fanfare

@Suite("Starting and ending") struct BootstrapTests {
  /// What happened, in order.
  private final class Diary: Sendable {
    private let lines = Mutex<[String]>([])
    func note(_ line: String) { lines.withLock { $0.append(line) } }
    var text: [String] { lines.withLock { $0 } }
  }

  @EventLoop private final class Gateway: RunningGateway {
    let diary: Diary
    init(_ diary: Diary) { self.diary = diary }
    var port: Int { 4711 }
    func stopAdmitting() { diary.note("unready") }
    func stopListening() { diary.note("deaf") }
    func reload() async { diary.note("keys read") }
    func drain(within time: Duration) async { diary.note("sockets \(time.written)") }
  }

  @EventLoop private final class Workers: RunningWorkers {
    let diary: Diary
    let stopsAtOnce: Bool
    init(_ diary: Diary, stopsAtOnce: Bool = false) {
      self.diary = diary
      self.stopsAtOnce = stopsAtOnce
    }
    var kinds: [String] { ["ffmpeg", "transcribe"] }
    var whenStopped: (@EventLoop () -> Void)? { didSet { if stopsAtOnce { whenStopped?() } } }
    func drain(within time: Duration) async { diary.note("workers \(time.written)") }
  }

  @EventLoop private final class Upkeep: RunningUpkeep {
    let diary: Diary
    init(_ diary: Diary) { self.diary = diary }
    func stop() { diary.note("upkeep ended") }
  }

  private struct Failure: Error {}

  private func composition(
    _ diary: Diary, gatewayFails: Bool = false, workersFail: Bool = false,
    workersStop: Bool = false
  ) -> Composition {
    Composition(
      broker: { _, _ in
        diary.note("broker")
        return await EventLoop.run { UnusedBroker { diary.note("broker closed") } }
      },
      upkeep: { _, _, _ in
        diary.note("upkeep")
        return await EventLoop.run { Upkeep(diary) }
      },
      gateway: { _, _, _, _, _ in
        diary.note("gateway")
        if gatewayFails { throw Failure() }
        return await EventLoop.run { Gateway(diary) }
      },
      workers: { _, _, _ in
        diary.note("workers")
        if workersFail { throw Failure() }
        return await EventLoop.run { Workers(diary, stopsAtOnce: workersStop) }
      })
  }

  private func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "fanfare-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder)
  }

  @Test("ends in order: unready, workers, sockets, upkeep, broker")
  func order() async throws {
    try await withFolder { folder in
      let diary = Diary(), said = Diary()
      var configuration = Configuration()
      configuration.broker.folder = folder
      let stop = await EventLoop.run { StopSignal() }
      await EventLoop.run { stop.receive() }
      try await Bootstrap(
        configuration, environment: [:], composition: composition(diary), say: said.note
      ).serve(until: stop)
      #expect(
        diary.text == [
          "broker", "upkeep", "gateway", "workers", "unready", "workers 20s", "sockets 10s",
          "upkeep ended", "broker closed",
        ])
      #expect(said.text.contains("  page    http://127.0.0.1:4711/"))
      #expect(said.text.contains("  socket  ws://127.0.0.1:4711/connection/websocket"))
      #expect(said.text.contains("  workers 2 slots for ffmpeg, transcribe, queues default"))
      #expect(said.text.contains { $0.hasPrefix("  token   eyJ") })
    }
  }

  @Test("hands over in order: accepts no more, then workers, sockets, upkeep, broker; nothing is backed up")
  func handOver() async throws {
    try await withFolder { folder in
      let diary = Diary(), said = Diary()
      var configuration = Configuration()
      configuration.broker.folder = folder
      configuration.seat = Seat(number: 0, count: 2, listeners: [])
      let (stop, reload) = await EventLoop.run { (StopSignal(), ReloadSignal()) }
      try await Bootstrap(
        configuration, environment: [:], composition: composition(diary), say: { _ in }
      ).serve(
        until: stop, reload: reload,
        announce: { lines in
          for line in lines { said.note(line) }
          await reload.receive()
          await EventLoop.run {
            stop.receive(handOver: true)
            // Told to end as well, it is still not the end of the whole.
            stop.receive()
          }
        }, whenWorkIsDone: { diary.note("work done") })
      #expect(
        diary.text == [
          "broker", "upkeep", "gateway", "workers", "keys read", "deaf", "workers 20s", "work done",
          "sockets 10s", "upkeep ended", "broker closed",
        ])
      #expect(said.text.contains("  workers 2 slots for ffmpeg, transcribe, queues default"), "those of all")
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/backups"))
    }
  }

  @Test("prints no token where an operator's key is configured")
  func noDevelopmentToken() async throws {
    try await withFolder { folder in
      let said = Diary()
      var configuration = Configuration()
      configuration.broker.folder = folder
      configuration.admission.keys = [KeyConfiguration(secret: String(repeating: "x", count: 32))]
      let stop = await EventLoop.run { StopSignal() }
      await EventLoop.run { stop.receive() }
      try await Bootstrap(
        configuration, environment: [:], composition: composition(Diary()), say: said.note
      ).serve(until: stop)
      #expect(!said.text.contains { $0.contains("token") })
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/development.key"))
    }
  }

  @Test("closes the broker when the gateway cannot start")
  func failure() async throws {
    try await withFolder { folder in
      let diary = Diary()
      var configuration = Configuration()
      configuration.broker.folder = folder
      let stop = await EventLoop.run { StopSignal() }
      await #expect(throws: Failure.self) {
        try await Bootstrap(
          configuration, environment: [:], composition: composition(diary, gatewayFails: true),
          say: { _ in }
        ).serve(until: stop)
      }
      #expect(diary.text == ["broker", "upkeep", "gateway", "upkeep ended", "broker closed"])
    }
  }

  @Test("ends a process that only works when its workers were told to stop")
  func toldToStop() async throws {
    try await withFolder { folder in
      let diary = Diary()
      var configuration = Configuration()
      configuration.broker.folder = folder
      let stop = await EventLoop.run { StopSignal() }
      try await Bootstrap(
        configuration, environment: [:], composition: composition(diary, workersStop: true),
        say: { _ in }
      ).work(until: stop)
      #expect(diary.text == ["broker", "upkeep", "workers", "workers 20s", "upkeep ended", "broker closed"])
    }
  }

  @Test("ends the gateway in good order when the workers cannot start")
  func workersFail() async throws {
    try await withFolder { folder in
      let diary = Diary()
      var configuration = Configuration()
      configuration.broker.folder = folder
      let stop = await EventLoop.run { StopSignal() }
      await #expect(throws: Failure.self) {
        try await Bootstrap(
          configuration, environment: [:], composition: composition(diary, workersFail: true),
          say: { _ in }
        ).serve(until: stop)
      }
      #expect(
        diary.text == [
          "broker", "upkeep", "gateway", "workers", "sockets 0s", "upkeep ended", "broker closed",
        ])
    }
  }
}
