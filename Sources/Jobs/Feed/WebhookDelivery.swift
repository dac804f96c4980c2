/// The payload of a job that tells a webhook: what is sent, and where to.
///
/// The body is made once, with the entry of the feed: each attempt sends the same bytes.
package struct WebhookDelivery: Hashable, Sendable {
  package var address: String
  /// The `webhook-id`, the same for every attempt and for every repeat of the entry.
  package var id: String
  package var body: String

  package init(address: String, id: String, body: String) {
    self.address = address
    self.id = id
    self.body = body
  }

  /// The queue that such jobs wait in, and no others.
  package static let queue = QueueName("webhooks")!

  package var payload: JSONText {
    var writer = JSONWriter(reserving: body.utf8.count + 256)
    writer.object {
      $0.member("url", address)
      $0.member("id", id)
      $0.member("body", body)
    }
    return writer.text
  }

  /// Nil for any other payload.
  package init?(payload: JSONText) {
    guard let root = try? JSONDocument(bytes: payload.bytes).root, let address = root["url"]?.string,
      let id = root["id"]?.string, let body = root["body"]?.string
    else { return nil }
    self.init(address: address, id: id, body: body)
  }

  /// Names the delivery of a message to an address: a repeat of the one is answered with the job of the other.
  package var idempotencyKey: String {
    "webhook:\(RunningDigest.hexadecimal(of: Array("\(id) \(address)".utf8)))"
  }
}
