import Jobs

/// Who watches a channel, and what they got: of one node, or of several together.
package struct WatchCensus: Hashable, Sendable {
  /// Subscriptions: sockets, streams and long polls.
  package var watchers = 0
  /// Events that reached the hub since somebody watches here.
  package var published = 0
  /// Events handed to watchers, each to each.
  package var delivered = 0
  /// Progress that newer progress made superfluous before it was sent.
  package var conflated = 0
  /// Watchers that came back and were told what they lacked.
  package var recovered = 0

  package init(watchers: Int = 0) { self.watchers = watchers }

  /// Nodes together.
  package static func += (sum: inout WatchCensus, other: WatchCensus) {
    sum.watchers += other.watchers
    sum.published += other.published
    sum.delivered += other.delivered
    sum.conflated += other.conflated
    sum.recovered += other.recovered
  }

  /// The members, without braces.
  func write(into writer: inout JSONWriter) {
    writer.member("watchers", watchers)
    writer.member("published", published)
    writer.member("delivered", delivered)
    writer.member("conflated", conflated)
    writer.member("recovered", recovered)
  }

  var text: JSONText {
    var writer = JSONWriter()
    writer.object { write(into: &$0) }
    return writer.text
  }

  /// As another node wrote it; what it does not say is none.
  init?(reading text: JSONText) {
    guard let value = try? JSONDocument(bytes: text.bytes).root, value.object != nil else { return nil }
    watchers = value["watchers"]?.int ?? 0
    published = value["published"]?.int ?? 0
    delivered = value["delivered"]?.int ?? 0
    conflated = value["conflated"]?.int ?? 0
    recovered = value["recovered"]?.int ?? 0
  }
}
