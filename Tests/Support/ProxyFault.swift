/// What a bad network does to one connection.
package enum ProxyFault: Hashable, Sendable {
  /// One way through a proxy.
  package enum Way: Hashable, Sendable { case toServer, toClient }

  case none
  /// Each piece is held back, at most for so long; the order stays.
  case delay(upTo: Duration)
  /// Every read and every write is cut in two, and the rest comes later.
  case halves
  /// Once so many bytes have passed, to both sides together, both ends are reset: in the middle of whatever it is.
  case reset(after: Int)
  /// Once so many bytes have passed one way, nothing of it arrives any more, while both ends stay open; after the
  /// time both are reset.
  case halfOpen(Way, after: Int, lasting: Duration)
  /// Of what a Redis publishes one message of so many never arrives; all else does. From the connection's start on.
  case loss(oneIn: Int)
}
