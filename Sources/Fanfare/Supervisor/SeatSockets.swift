import EventLoop
import Gateway

/// The listening sockets of a supervisor: on each seat one at each place where its process listens.
///
/// While a process is replaced its seat has the sockets of both. They are the same, but for places that the
/// configuration has got or lost meanwhile: those are opened before the successor is started, and closed when nobody
/// accepts from them any more. So each seat has what its process serves, however far a reload has come.
@EventLoop
final class SeatSockets {
  private struct Held {
    let name: String?
    let socket: ListeningSocket

    var offer: SeatListener {
      SeatListener(descriptor: socket.descriptor, port: socket.port, name: name)
    }
  }

  /// How many seats there are.
  let seats: Int
  /// The port of the gateway's own address.
  private(set) var port = 0
  /// Of the process that serves, or of the next one where that has died.
  private var serving: [[Held]] = []
  /// Of a process that is to take that one's place.
  private var coming: [Int: [Held]] = [:]
  /// All that are open.
  private var sockets: [ListeningSocket] = []

  /// Who waits while a process is away waits here; the system may allow fewer (`net.core.somaxconn`).
  private static let backlog: Int32 = 4096

  /// Listens at all places for each seat. The system chooses the port once, where it is 0. Throws
  /// ``CommandFailure``, with the key, where it is not possible, and none is open then.
  init(at places: [ListeningPlace], seats: Int) throws(CommandFailure) {
    self.seats = seats
    var places = places
    do throws(CommandFailure) {
      for seat in 0..<seats {
        let held = try open(places, for: seat)
        serving.append(held)
        for index in places.indices { places[index].port = held[index].socket.port }
      }
    } catch {
      close()
      throw error
    }
    port = places.first { $0.name == nil }?.port ?? 0
  }

  /// What a process gets that takes the place of one that has died.
  func listeners(of seat: Int) -> [SeatListener] { serving[seat].map(\.offer) }

  /// What a process gets that is to take the place of one that serves, at what are the places by now. Throws
  /// ``CommandFailure`` where one of them cannot be listened at; all is as before then.
  func listeners(ofSuccessorOn seat: Int, at places: [ListeningPlace]) throws(CommandFailure) -> [SeatListener] {
    do throws(CommandFailure) { coming[seat] = try open(places, for: seat) } catch {
      sweep()
      throw error
    }
    return coming[seat]?.map(\.offer) ?? []
  }

  /// The successor serves on the seat.
  func isReplaced(on seat: Int) {
    guard let held = coming.removeValue(forKey: seat) else { return }
    serving[seat] = held
    sweep()
  }

  /// The successor did not come to serve.
  func isKept(on seat: Int) {
    coming[seat] = nil
    sweep()
  }

  /// Refuses whoever comes from now on, where no process listens any more.
  func close() {
    (serving, coming) = ([], [:])
    sweep()
  }

  private func open(_ places: [ListeningPlace], for seat: Int) throws(CommandFailure) -> [Held] {
    var held: [Held] = []
    for place in places {
      do throws(ListeningSocket.Failure) {
        let socket =
          if let socket = socket(at: place, for: seat) { socket } else {
            try ListeningSocket(on: place.host, port: place.port, backlog: Self.backlog)
          }
        held.append(Held(name: place.name, socket: socket))
        if !sockets.contains(where: { $0.descriptor == socket.descriptor }) { sockets.append(socket) }
      } catch {
        throw place.failure(error)
      }
    }
    return held
  }

  /// The one that there is: of the seat, whatever its name was, or of any, because a Unix socket is the same for all.
  private func socket(at place: ListeningPlace, for seat: Int) -> ListeningSocket? {
    let own = serving.indices.contains(seat) ? serving[seat] : []
    let candidates = place.isUnix ? sockets : own.map(\.socket)
    return candidates.first { $0.isBound(to: place.host, port: place.port) }
  }

  /// Closes those that no seat has any more.
  private func sweep() {
    let held = Set((serving + coming.values).joined().map(\.socket.descriptor))
    for socket in sockets where !held.contains(socket.descriptor) { socket.close() }
    sockets.removeAll { !held.contains($0.descriptor) }
  }
}
