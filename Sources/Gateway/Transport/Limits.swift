/// What the transport allows a client: every number at one place.
package struct Limits: Sendable {
  // MARK: Connections

  /// Open at a time, HTTP and WebSocket together; what comes beyond is answered 503 and closed.
  package var connections = 20_000
  /// Open at a time from one address. Loopback and Unix sockets are not counted: there a proxy
  /// stands for many.
  package var connectionsPerAddress = 256
  /// Whether ``connectionsPerAddress`` holds for loopback too.
  package var countsLoopback = false

  /// Handshakes a second of the whole process; those above wait their turn. 0: no limit.
  package var handshakesPerSecond = 0
  /// Handshakes a second of one address; those above are refused with 429. Loopback is counted as for
  /// ``connectionsPerAddress``. 0: no limit.
  package var handshakesPerAddress = 0

  // MARK: Requests

  /// Bytes of a request line and its headers together.
  package var headSize = 16_384
  /// Bytes of the request line's target.
  package var targetSize = 8_192
  /// Headers of a request.
  package var headerCount = 100
  /// From the first byte of a head (or from the connection's start) to its last.
  package var headDeadline = Duration.seconds(10)
  /// How long a connection may stay open without a request.
  package var idle = Duration.seconds(75)
  /// The whole body must have come within this.
  package var bodyDeadline = Duration.seconds(3600)
  /// Bytes a body must bring in each ``rateWindow`` while it is asked for.
  package var bodyRate = 4_096
  /// Bytes a client must take in each ``rateWindow`` while an answer is waiting for it.
  package var answerRate = 4_096
  /// The time in which a client must bring or take so many bytes; only waiting for it counts.
  package var rateWindow = Duration.seconds(20)
  /// From the whole request to the beginning of its answer; a long poll must fit in.
  package var answerDeadline = Duration.seconds(150)
  /// Bytes of a file or body handled at a time: what a slow transfer holds in memory.
  package var pieceSize = 65_536
  /// After an answer that ends the connection: what the client may still be sending is read and
  /// thrown away up to so many bytes…
  package var drainSize = 1 << 20
  /// …for so long, that it reads the answer instead of a reset.
  package var drainDeadline = Duration.seconds(3)

  // MARK: WebSocket

  /// Bytes of one message, all its fragments together; over it the connection closes with 1009.
  package var messageSize = 320 << 10
  /// From our close frame to the end of the connection, however slowly the peer reads.
  package var closeDeadline = Duration.seconds(5)

  // MARK: libwebsockets, once for the process

  /// Bytes it reads at a time and holds for each connection.
  static let receiveBuffer = 512
  /// Bytes it hands to the socket at a time; without it, as many as it reads.
  static let sendPacket = 65_536
  /// Handshakes it can have in hand. They are complete when it gets them, so that each takes its
  /// slot for a moment only.
  static let headerPool: UInt16 = 256

  // MARK: The process

  /// Descriptors kept free beside ``connections``: listeners, brokers, files.
  package var spareDescriptors = 256

  package init() {}
}
