import Foundation
import Gateway

/// One of the places of a `serve` with several processes: listening sockets, on which one process after the other
/// serves.
struct Seat: Hashable, Sendable {
  /// From 0.
  let number: Int
  /// How many there are.
  let count: Int
  let listeners: [SeatListener]

  /// Whoever has the first does what is done once for all.
  var isFirst: Bool { number == 0 }

  /// Its part of a number that is spread over all; the first ones have one more where it does not divide.
  func share(of total: Int) -> Int { total / count + (number < total % count ? 1 : 0) }
}

/// A listening socket of a seat.
struct SeatListener: Hashable, Sendable {
  let descriptor: Int32
  /// What it is bound to.
  let port: Int
  /// Of which place it is (``ListeningPlace/name``); nil: of the gateway's own.
  let name: String?

  fileprivate var text: String { "\(descriptor) \(port)" + (name.map { " \($0)" } ?? "") }

  fileprivate init?(_ text: some StringProtocol) {
    let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, let descriptor = Int32(parts[0]), let port = Int(parts[1]) else { return nil }
    self.init(descriptor: descriptor, port: port, name: parts.count > 2 ? String(parts[2]) : nil)
  }

  init(descriptor: Int32, port: Int, name: String? = nil) {
    self.descriptor = descriptor
    self.port = port
    self.name = name
  }
}

/// What a supervisor tells a process that it starts, in a variable of its environment: which seat it has, and where
/// it finds the supervisor.
///
/// This is between the two and no one else: `FANFARE_SEAT` is set by ``SeatedProcess`` and taken, and removed, by
/// `fanfare serve`.
struct SeatOffer: Hashable, Sendable {
  static let variable = "FANFARE_SEAT"

  let seat: Seat
  /// The descriptor of this end of the line to the supervisor (``ProcessLink``).
  let link: Int32
  /// What the supervisor has bound, whatever the configuration says by now.
  let host: String

  init(seat: Seat, link: Int32, host: String) {
    self.seat = seat
    self.link = link
    self.host = host
  }

  /// A line of its own, and one for each listening socket.
  var text: String {
    (["\(seat.number) \(seat.count) \(link) \(host)"] + seat.listeners.map(\.text)).joined(separator: "\n")
  }

  init?(_ text: String) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let parts = lines[0].split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
    let listeners = lines.dropFirst().compactMap { SeatListener($0) }
    guard parts.count == 4, let number = Int(parts[0]), let count = Int(parts[1]), let link = Int32(parts[2]),
      (0..<count).contains(number), listeners.count == lines.count - 1,
      listeners.count(where: { $0.name == nil }) == 1
    else { return nil }
    self.init(
      seat: Seat(number: number, count: count, listeners: listeners), link: link, host: String(parts[3]))
  }

  /// The offer that this process was started with; nil of one that was started by anybody else. Taken once: the
  /// variable and the descriptors are not passed on to what this process starts.
  static func take() -> SeatOffer? {
    guard let text = ProcessInfo.processInfo.environment[variable] else { return nil }
    unsetenv(variable)
    guard let offer = SeatOffer(text),
      offer.descriptors.allSatisfy({ fcntl($0, F_SETFD, FD_CLOEXEC) == 0 })
    else { return nil }
    return offer
  }

  /// What the process inherits.
  var descriptors: [Int32] { [link] + seat.listeners.map(\.descriptor) }

  /// What holds in the process whatever else is configured.
  var overrides: [ConfigurationFile.Override] {
    let port = seat.listeners.first { $0.name == nil }?.port ?? 0
    return [("gateway.host", host), ("gateway.port", "\(port)"), ("gateway.processes", "\(seat.count)")].map {
      ConfigurationFile.Override(key: $0, value: $1, source: "the running supervisor")
    }
  }
}

extension Configuration {
  /// This process is on a seat: an older system whose port is listened at there is found there, whatever the file says by
  /// now. It is read again whenever a process is started, but only a reload opens and closes ports.
  mutating func sit(on seat: Seat) {
    self.seat = seat
    for listener in seat.listeners {
      guard let name = listener.name, legacyAPIs.contains(where: { $0.name == name }) else { continue }
      self[legacy: name].port = listener.port
    }
  }

  /// Places at which nobody listens before a reload: they stand in the file since the last one.
  var unopenedPlaces: [ListeningPlace] {
    guard let seat else { return [] }
    return places.filter { place in !seat.listeners.contains { $0.name == place.name } }
  }
}
