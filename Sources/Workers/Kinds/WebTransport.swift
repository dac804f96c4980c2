import Web

/// Asks webhooks over the web.
package struct WebTransport: WebhookTransport {
  private let client = HTTPClient()
  private let addresses: HTTPLimits.Addresses

  package init(allowsPrivateAddresses: Bool) {
    addresses = allowsPrivateAddresses ? .any : .publicOnly()
  }

  package func post(_ message: WebhookPost) async throws(WebhookFault) -> WebhookAnswer {
    let address: WebAddress
    do throws(WebAddress.Fault) { address = try WebAddress(message.address) } catch {
      throw WebhookFault(reason: "it is no address of the web", mayPass: false)
    }
    let limits = HTTPLimits(addresses: addresses, connectTime: message.time, time: message.time)
    do throws(HTTPError) {
      let answer = try await client.open(
        HTTPRequest(.post, address, headers: message.headers, body: .bytes(message.body), limits: limits))
      // What it says beside is not read.
      answer.cancel()
      return WebhookAnswer(status: answer.head.status, retryAfter: answer.head["retry-after"])
    } catch {
      // Certificates are renewed.
      if case .untrusted = error { throw WebhookFault(reason: error.description, mayPass: true) }
      throw WebhookFault(reason: error.description, mayPass: error.mayPass || error == .cancelled)
    }
  }
}
