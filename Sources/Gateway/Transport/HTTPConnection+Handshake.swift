// From a well-formed handshake to a WebSocket, or to an answer that refuses it.
extension HTTPConnection {
  /// Lines up for a handshake, or is refused at once where its address asks too often.
  func askToShakeHands(_ exchange: HTTPExchange, _ upgrade: RequestHead.Upgrade) {
    guard input.isEmpty else { return refuse(.tooEager) }
    do throws(Problem) {
      try server.handshakes.enter(exchange, from: peer) { [weak self] in
        self?.shakeHands(exchange, upgrade)
      }
    } catch {
      exchange.endsConnection = true
      exchange.respond(error.response)
    }
  }

  /// It is the handshake's turn, perhaps after a wait in which its client wrote on or finished.
  private func shakeHands(_ exchange: HTTPExchange, _ upgrade: RequestHead.Upgrade) {
    guard !inputHasEnded else { return close() }
    guard input.isEmpty else { return refuse(.tooEager) }
    switch server.judge(exchange.request) {
    case .refuse(let response):
      exchange.endsConnection = true
      exchange.respond(response)
    case .accept(let subprotocol, let delegate):
      let descriptor = self.descriptor
      letGo()
      server.upgrade(
        descriptor, upgrade, peer: peer,
        subprotocol: subprotocol.flatMap { upgrade.subprotocols.contains($0) ? $0 : nil },
        delegate: delegate)
    }
  }
}
