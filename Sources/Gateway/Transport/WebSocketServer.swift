import CWebSockets
package import EventLoop
import Foundation
package import Logging

/// The world's side of the gateway: it listens, accepts, speaks HTTP, and hands WebSockets to
/// libwebsockets, which is a guest on the event loop.
///
/// libwebsockets never reads a request of a client: heads are read and judged here, and the library
/// is given a handshake in our words (docs/decisions/0001). ``shutdown()`` must be called before a
/// server that has listened is let go.
@EventLoop
package final class WebSocketServer {
  /// Why a server cannot listen; says what was wanted and what the system answered.
  package struct Failure: Error, CustomStringConvertible, Sendable {
    package let description: String
    /// Where it is the address that is at fault.
    package var socket: ListeningSocket.Failure?
  }

  let limits: Limits
  let logger: Logger
  let wheel = TimerWheel()
  /// What a read is read into before it is copied where it belongs.
  let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
  /// No new requests are wanted: answers end their connections.
  package private(set) var isStopping = false

  /// Connections that poll: their requests are read together.
  let patient = SocketCrowd()

  /// Handshakes that wait for their turn.
  let handshakes: HandshakeQueue

  private var delegate: (any TransportDelegate)?
  private var library: Library?
  private var listeners: [Listener] = []
  private(set) var requests: [ObjectIdentifier: HTTPConnection] = [:]
  private var sockets: [ObjectIdentifier: Connection] = [:]
  /// The answers to the handshakes of a turn go out together: whoever opens sockets by the hundred is woken once.
  private let answers = FlushSchedule()
  private var countByAddress: [String: Int] = [:]
  /// Wait for the last WebSocket to end.
  private let ended = Bell()
  /// Wait for the last HTTP connection to end.
  private let answered = Bell()
  /// Who asks for a socket on a connection that is open is sent away.
  private var refusesHandshakes = false
  private var dateNow = (second: 0, text: "")

  /// Nothing is opened yet. `delegate` is held until ``shutdown()``.
  package init(
    limits: Limits = Limits(), delegate: any TransportDelegate, logger: Logger
  ) {
    self.limits = limits
    handshakes = HandshakeQueue(limits)
    self.delegate = delegate
    self.logger = logger
  }

  // MARK: Life

  /// Listens on exactly `host` (an IPv4 or IPv6 address in digits, `localhost`, or `unix:` and a
  /// path) and returns the port, which the system chooses where `port` is 0. May be called for
  /// several addresses; requests tell by `name` to which of them they came.
  ///
  /// Several processes may listen on the same address and port: the kernel spreads connections.
  @discardableResult
  package func listen(
    on host: String, port: Int, as name: String? = nil, backlog: Int32 = 1024
  ) throws(Failure) -> Int {
    precondition(!isStopping, "a server that was stopped is to listen")
    if library == nil { try start() }
    do {
      return accept(on: try ListeningSocket(on: host, port: port, backlog: backlog), as: name)
    } catch {
      throw Failure(description: error.description, socket: error)
    }
  }

  /// Accepts from a socket that another process opened and gave to this one, and owns the descriptor; returns its
  /// port. Requests tell by `name` that they came by it.
  @discardableResult
  package func listen(inherited descriptor: Int32, as name: String? = nil) throws(Failure) -> Int {
    precondition(!isStopping, "a server that was stopped is to listen")
    guard let socket = ListeningSocket(inherited: descriptor) else {
      throw Failure(description: "cannot accept from descriptor \(descriptor): not a socket that listens")
    }
    if library == nil { try start() }
    return accept(on: socket, as: name)
  }

  private func accept(on socket: ListeningSocket, as name: String?) -> Int {
    listeners.append(Listener(on: socket) { [weak self] in self?.accept($0, from: $1, at: name) })
    logger.info(
      "listening", metadata: ["address": "\(socket.address.host)", "port": "\(socket.port)"])
    return socket.port
  }

  private func start() throws(Failure) {
    raiseDescriptorLimit()
    library = Library.start(logger)
    if library == nil {
      throw Failure(description: "libwebsockets did not start: is its libuv plugin installed?")
    }
  }

  /// The library sizes its tables by the limit when it starts.
  private func raiseDescriptorLimit() {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0 else { return }
    let wanted = rlim_t(limits.connections + limits.spareDescriptors)
    if limit.rlim_cur < wanted {
      limit.rlim_cur = min(wanted, limit.rlim_max)
      setrlimit(resource, &limit)
    }
    if limit.rlim_cur < wanted {
      logger.warning(
        "the process may open fewer descriptors than connections are allowed",
        metadata: ["descriptors": "\(limit.rlim_cur)", "connections": "\(limits.connections)"])
    }
  }

  /// Accepts no more connections and takes no more requests on those that are open. Requests in
  /// hand are answered, WebSockets stay.
  package func stopAccepting() {
    refusesHandshakes = true
    stopListening(sparingNew: false)
  }

  /// Accepts no more connections: others accept from the same socket. Those that were accepted have their request
  /// answered, handshakes too, and end with it.
  package func stopListening() { stopListening(sparingNew: true) }

  private func stopListening(sparingNew: Bool) {
    isStopping = true
    for listener in listeners { listener.close() }
    listeners = []
    for connection in requests.values { connection.closeIfIdle(sparingNew: sparingNew) }
  }

  /// Returns when no connection speaks HTTP any more, or after `time`. To be called when nothing is accepted.
  package func untilAnswered(within time: Duration) async {
    guard !requests.isEmpty, time > .zero else { return }
    await answered.wait(upTo: time)
  }

  /// Breaks off every connection and lets everything go; returns when all delegates were told, a
  /// turn or two of the loop later. Who wants to say goodbye does so before. May be called again.
  package func shutdown() async {
    stopAccepting()
    answered.ring()
    handshakes.removeAll()
    for connection in requests.values { connection.close() }
    for connection in sockets.values { connection.abandon() }
    while !sockets.isEmpty { await ended.wait() }
    delegate = nil
    library = nil
  }

  isolated deinit {
    precondition(library == nil, "a server was let go without a shutdown")
    scratch.deallocate()
    joint.deallocate()
  }

  // MARK: Counts

  /// Connections that speak HTTP now, idle ones included.
  package var httpConnectionCount: Int { requests.count }
  /// Open WebSockets.
  package var webSocketCount: Int { sockets.count }
  package var connectionCount: Int { requests.count + sockets.count }
  /// Bytes that are kept for WebSockets, in both directions.
  var heldByteCount: Int { sockets.values.reduce(0) { $0 + $1.heldByteCount } }

  // MARK: Connections

  private func accept(_ descriptor: Int32, from peer: SocketAddress, at listener: String?) {
    if let refusal = refusal(for: peer) {
      // Said if it can be said at once; nothing is spent on waiting.
      let head = ResponseHead.bytes(
        refusal, length: 0, date: date, closes: true, logger: logger)
      _ = head.withUnsafeBytes { CWebSocketsSend(descriptor, $0.baseAddress, $0.count) }
      Foundation.shutdown(descriptor, Int32(SHUT_WR))
      close(descriptor)
      return
    }
    if isCounted(peer) { countByAddress[peer.host, default: 0] += 1 }
    let connection = HTTPConnection(descriptor, peer: peer, listener: listener, server: self)
    requests[ObjectIdentifier(connection)] = connection
    connection.begin()
  }

  private func isCounted(_ peer: SocketAddress) -> Bool {
    limits.countsLoopback || !peer.isLoopback
  }

  private func refusal(for peer: SocketAddress) -> Response? {
    if connectionCount >= limits.connections {
      return Response(503, headers: [("retry-after", "5")])
    }
    if isCounted(peer), countByAddress[peer.host, default: 0] >= limits.connectionsPerAddress {
      return Response(429, headers: [("retry-after", "5")])
    }
    return nil
  }

  /// The connection speaks HTTP no more.
  func remove(_ connection: HTTPConnection) {
    requests.removeValue(forKey: ObjectIdentifier(connection))
    if requests.isEmpty { answered.ring() }
  }

  func remove(_ connection: Connection, _ peer: SocketAddress) {
    sockets.removeValue(forKey: ObjectIdentifier(connection))
    connectionClosed(peer)
    if sockets.isEmpty { ended.ring() }
  }

  /// The peer has one connection fewer.
  func connectionClosed(_ peer: SocketAddress) {
    guard isCounted(peer), let count = countByAddress[peer.host] else { return }
    countByAddress[peer.host] = count > 1 ? count - 1 : nil
  }

  // MARK: Requests

  func judge(_ handshake: Request) -> HandshakeVerdict {
    guard !refusesHandshakes, let delegate else {
      return .refuse(Refusal(503, "The server is going away.", headers: ["retry-after": "1"]).response)
    }
    return delegate.judge(handshake)
  }

  func handle(_ exchange: any Exchange) {
    guard let delegate else { preconditionFailure("a request came after the shutdown") }
    delegate.handle(exchange)
  }

  /// Gives an accepted handshake to the library.
  func upgrade(
    _ descriptor: Int32, _ upgrade: RequestHead.Upgrade, peer: SocketAddress,
    subprotocol: String?, delegate: any ClientConnectionDelegate
  ) {
    guard let library else { preconditionFailure("a handshake came after the shutdown") }
    var compression: CompressionAgreement?
    if delegate.wantsCompression, let offer = upgrade.extensions {
      compression = CompressionAgreement(offeredIn: offer)
    }
    let connection = Connection(
      descriptor, peer: peer, server: self, compression: compression, delegate: delegate)
    sockets[ObjectIdentifier(connection)] = connection
    let answer = library.adopt(
      descriptor, key: upgrade.key, subprotocol: subprotocol, compression: compression,
      for: connection)
    guard let answer else {
      logger.error("libwebsockets refused a handshake that we accepted")
      return connection.ended()
    }
    answers.add(connection)
    connection.opened(answering: answer)
  }

  // MARK: For all connections

  /// Frames one behind the other, until the next call.
  ///
  /// Watchers of the same jobs are sent the same frames one after the other: these are joined once.
  func joined(_ frames: [PreparedFrame]) -> UnsafeRawBufferPointer {
    if !frames.elementsEqual(joinedFrames, by: ===) { join(frames) }
    return UnsafeRawBufferPointer(rebasing: joint[..<jointLength])
  }

  private func join(_ frames: [PreparedFrame]) {
    joinedFrames = frames
    jointLength = 0
    for frame in frames { jointLength += frame.bytes.count }
    if joint.count < jointLength {
      joint.deallocate()
      joint = .allocate(byteCount: max(jointLength, 65_536), alignment: 16)
    }
    var offset = 0
    for frame in frames {
      // No closure: it would be checked for its isolation at each call.
      joint[offset...].copyBytes(from: frame.bytes)
      offset += frame.bytes.count
    }
  }

  private var joint = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var jointLength = 0
  /// What stands in `joint`.
  private var joinedFrames: [PreparedFrame] = []

  /// What compresses and inflates for all connections; made with the first that wants it.
  private(set) lazy var compression = Compression()

  /// Now, as HTTP writes it; made once a second.
  var date: String {
    let second = time(nil)
    if second != dateNow.second { dateNow = (second, HTTPDate.text(second)) }
    return dateNow.text
  }
}
