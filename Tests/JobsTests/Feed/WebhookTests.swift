import Jobs
import Testing

@Suite("A webhook")
struct WebhookTests {
  @Test("hears of the states it names when the job comes into them, or of everything")
  func events() {
    let ends = Webhook("https://example.com")
    #expect(ends.hears(of: .completed, from: .running) && ends.hears(of: .cancelled, from: .queued))
    #expect(!ends.hears(of: .running, from: .queued) && !ends.hears(of: .retrying, from: .running))
    let runs = Webhook("https://example.com", .states([.running]))
    #expect(runs.hears(of: .running, from: .queued) && runs.hears(of: .running, from: nil))
    #expect(!runs.hears(of: .running, from: .running), "a fact beside the state")
    #expect(Webhook("https://example.com", .all).hears(of: .running, from: .running))
  }

  /// The example of Standard Webhooks' own documents, computed anew with Python.
  @Test("is signed as Standard Webhooks has it")
  func signature() throws {
    let secret = try #require(WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    #expect(
      secret.signature(of: "msg_p5jXN8AQM9LWM0D4loKWxJek", at: 1_614_265_330, #"{"test": 2432232314}"#)
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
  }

  @Test("takes no secret of another form, or too short to be one")
  func secrets() {
    for text in [
      "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAA", "whsec_MfKQ9r8GKYqrTwjU*D8ILPZIo2LaLaSw",
    ] {
      #expect(WebhookSecret(text) == nil, "\(text)")
    }
  }

  @Test("is told by a job whose payload reads back, and whose key names message and address")
  func delivery() {
    let delivery = WebhookDelivery(
      address: "https://example.com/?a=1&b=\"2\"", id: "evt_1", body: "{\"é\":\n\"\\u0000\"}")
    #expect(WebhookDelivery(payload: delivery.payload) == delivery)
    #expect(WebhookDelivery(payload: .emptyObject) == nil)
    var other = delivery
    other.body = "{}"
    #expect(other.idempotencyKey == delivery.idempotencyKey)
    other.address = "https://example.com/"
    #expect(other.idempotencyKey != delivery.idempotencyKey)
    #expect(delivery.idempotencyKey.utf8.count <= 255)
  }
}
