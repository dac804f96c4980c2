import EventLoop
import Foundation
import Support
import Testing

@testable import Fanfare

@Suite("The listening sockets of seats") @EventLoop struct SeatSocketsTests {
  private static func place(_ name: String?, _ port: Int, on host: String = "127.0.0.1") -> ListeningPlace {
    let key = name.map { "compatibility.\($0)" } ?? "gateway"
    return ListeningPlace(name: name, hostKey: "gateway.host", portKey: "\(key).port", host: host, port: port)
  }

  /// Makes two seats at the places, and closes everything in the end.
  private func withSockets(at places: [ListeningPlace], _ body: (SeatSockets) async throws -> Void) async throws {
    let sockets = try SeatSockets(at: places, seats: 2)
    do { try await body(sockets) } catch {
      sockets.close()
      throw error
    }
    sockets.close()
  }

  private func isListening(_ port: Int) async throws -> Bool {
    do {
      try await RawSocket.connect(to: port).close()
      return true
    } catch RawSocket.Failure.cannotConnect(errno: ECONNREFUSED) { return false }
  }

  @Test("are one for each seat at each place, at one port that the system may choose", arguments: ["127.0.0.1", "::1"])
  func opening(_ host: String) async throws {
    let old = try FreePort.find()
    try await withSockets(at: [Self.place("demucs", old, on: host), Self.place(nil, 0, on: host)]) { sockets in
      let (first, second) = (sockets.listeners(of: 0), sockets.listeners(of: 1))
      #expect(first.map(\.name) == ["demucs", nil] && second.map(\.name) == first.map(\.name))
      #expect(first.map(\.port) == [old, sockets.port] && second.map(\.port) == first.map(\.port))
      #expect(sockets.port != 0)
      #expect(Set((first + second).map(\.descriptor)).count == 4)
    }
  }

  @Test("are one for all seats where it is a Unix socket")
  func unix() async throws {
    let folder = TemporaryFolder()
    let (path, metrics) = (folder.path("own"), folder.path("metrics"))
    let own = Self.place(nil, 8000, on: "unix:\(path)")
    try await withSockets(at: [own]) { sockets in
      let descriptors = [sockets.listeners(of: 0), sockets.listeners(of: 1)].map { $0.map(\.descriptor) }
      #expect(descriptors[0] == descriptors[1])
      let added = Self.place("metrics", 1, on: "unix:\(metrics)")
      let first = try sockets.listeners(ofSuccessorOn: 0, at: [added, own])
      sockets.isReplaced(on: 0)
      let second = try sockets.listeners(ofSuccessorOn: 1, at: [added, own])
      #expect(first == second && second.last?.descriptor == descriptors[0][0])
      sockets.isKept(on: 1)
      try await RawSocket.connect(toUnix: metrics).close()
    }
    #expect(!FileManager.default.fileExists(atPath: path) && !FileManager.default.fileExists(atPath: metrics))
  }

  @Test("are none where one place is taken, and its key is named")
  func taken() async throws {
    let other = SocketServer { _ in }
    defer { other.close() }
    let own = try FreePort.find()
    do {
      _ = try SeatSockets(at: [Self.place(nil, own), Self.place("demucs", other.port)], seats: 2)
      Issue.record("two listen at one port")
    } catch {
      #expect(error.description.hasPrefix("compatibility.demucs.port: cannot bind 127.0.0.1:\(other.port): "))
    }
    #expect(try await !isListening(own))
    #expect(
      throws: CommandFailure(
        description: "gateway.host: cannot listen on here port 1: not an address in digits", status: .failed)
    ) {
      _ = try SeatSockets(at: [Self.place(nil, 1, on: "here")], seats: 2)
    }
  }

  @Test("stay what they are for successors, and come and go with the places, seat by seat")
  func replacing() async throws {
    let (gone, come) = (try FreePort.find(), try FreePort.find())
    try await withSockets(at: [Self.place("demucs", gone), Self.place(nil, 0)]) { sockets in
      let places = [Self.place("clipforge", come), Self.place(nil, sockets.port)]
      let own = [0, 1].map { sockets.listeners(of: $0).last }
      let first = try sockets.listeners(ofSuccessorOn: 0, at: places)
      #expect(first.map(\.name) == ["clipforge", nil] && first.last == own[0])
      #expect(sockets.listeners(of: 0).first?.name == "demucs", "until the successor serves")
      sockets.isReplaced(on: 0)
      #expect(sockets.listeners(of: 0) == first)
      #expect(try await isListening(gone), "the other seat's process serves there")
      #expect(try await isListening(come))
      // It did not come to serve: nobody is to wait on this seat for it.
      _ = try sockets.listeners(ofSuccessorOn: 1, at: places)
      sockets.isKept(on: 1)
      #expect(sockets.listeners(of: 1).first?.name == "demucs")
      #expect(try await isListening(gone))
      let second = try sockets.listeners(ofSuccessorOn: 1, at: places)
      #expect(second.last == own[1] && second.first?.descriptor != first.first?.descriptor)
      sockets.isReplaced(on: 1)
      #expect(try await !isListening(gone))
      #expect(try await isListening(come))
    }
    #expect(try await !isListening(come))
  }

  @Test("change nothing where a new place is taken, and serve another system by its name")
  func renamed() async throws {
    let port = try FreePort.find()
    let other = SocketServer { _ in }
    defer { other.close() }
    try await withSockets(at: [Self.place("demucs", port), Self.place(nil, 0)]) { sockets in
      let before = sockets.listeners(of: 0)
      let free = try FreePort.find()
      #expect(throws: CommandFailure.self) {
        _ = try sockets.listeners(
          ofSuccessorOn: 0, at: [Self.place("ffmpeg_api", free), Self.place("clipforge", other.port)])
      }
      #expect(sockets.listeners(of: 0) == before)
      #expect(try await !isListening(free))
      let renamed = try sockets.listeners(
        ofSuccessorOn: 0, at: [Self.place("clipforge", port), Self.place(nil, sockets.port)])
      #expect(renamed.map(\.descriptor) == before.map(\.descriptor) && renamed.first?.name == "clipforge")
    }
  }
}
