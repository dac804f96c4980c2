import Foundation

/// One of the places of a `serve` with several processes: a listening socket, on which one process after the other
/// serves.
struct Seat: Hashable, Sendable {
  /// From 0.
  let number: Int
  /// How many there are.
  let count: Int
  /// The descriptor of its listening socket.
  let listener: Int32

  /// Whoever has the first does what is done once for all.
  var isFirst: Bool { number == 0 }

  /// Its part of a number that is spread over all; the first ones have one more where it does not divide.
  func share(of total: Int) -> Int { total / count + (number < total % count ? 1 : 0) }
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
  let port: Int

  init(seat: Seat, link: Int32, host: String, port: Int) {
    self.seat = seat
    self.link = link
    self.host = host
    self.port = port
  }

  var text: String { "\(seat.number) \(seat.count) \(seat.listener) \(link) \(port) \(host)" }

  init?(_ text: String) {
    let parts = text.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: false)
    guard parts.count == 6, let number = Int(parts[0]), let count = Int(parts[1]),
      let listener = Int32(parts[2]), let link = Int32(parts[3]), let port = Int(parts[4]),
      (0..<count).contains(number)
    else { return nil }
    self.init(
      seat: Seat(number: number, count: count, listener: listener), link: link, host: String(parts[5]),
      port: port)
  }

  /// The offer that this process was started with; nil of one that was started by anybody else. Taken once: the
  /// variable and the descriptors are not passed on to what this process starts.
  static func take() -> SeatOffer? {
    guard let text = ProcessInfo.processInfo.environment[variable] else { return nil }
    unsetenv(variable)
    guard let offer = SeatOffer(text), fcntl(offer.link, F_SETFD, FD_CLOEXEC) == 0,
      fcntl(offer.seat.listener, F_SETFD, FD_CLOEXEC) == 0
    else { return nil }
    return offer
  }

  /// What holds in the process whatever else is configured.
  var overrides: [ConfigurationFile.Override] {
    [("gateway.host", host), ("gateway.port", "\(port)"), ("gateway.processes", "\(seat.count)")].map {
      ConfigurationFile.Override(key: $0, value: $1, source: "the running supervisor")
    }
  }
}
