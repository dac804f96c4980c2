/// Bytes that come piece by piece, each when it is asked for; what sends them waits meanwhile.
package protocol PieceSource: AnyObject, Sendable {
  /// The next, not empty; nil at the end. Throws where no more can be had.
  func next() async throws -> [UInt8]?
  /// Nothing more is wanted; whoever waits for a piece is told so by an error.
  func close()
}
