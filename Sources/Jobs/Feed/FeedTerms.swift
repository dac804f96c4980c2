/// For what a job's changes stand in the feed; settled when it is accepted, and kept in its record for life.
package struct FeedTerms: Hashable, Sendable {
  /// For the history of all jobs.
  package var isRecorded: Bool
  /// Its own webhooks, then those that its queue had.
  package var webhooks: [Webhook]

  package init(isRecorded: Bool = false, webhooks: [Webhook] = []) {
    self.isRecorded = isRecorded
    self.webhooks = webhooks
  }

  /// What becomes of a request in a queue with these webhooks. An address that the job names itself is not told
  /// twice; a job that tells a webhook has none.
  init(of request: JobRequest, in queue: [Webhook]) {
    isRecorded = request.isRecorded
    webhooks = []
    guard request.kind != .webhook else { return }
    webhooks = request.webhooks
    for var hook in queue where !request.webhooks.contains(where: { $0.address == hook.address }) {
      hook.isOfQueue = true
      webhooks.append(hook)
    }
  }

  /// Whether nobody wants to know: then nothing is fed.
  package var isEmpty: Bool { !isRecorded && webhooks.isEmpty }
}

extension FeedTerms {
  func write(into writer: inout JSONWriter) {
    writer.fact("recorded", isRecorded)
    webhooks.write("webhooks", into: &writer)
  }

  init(reading value: JSONValue) throws(ArchiveFault) {
    self.init(
      isRecorded: value["recorded"]?.bool ?? false, webhooks: try [Webhook](optional: value["webhooks"]))
  }
}
