import Jobs

/// Subscriptions that the gateway itself made, for `watch`, taken up again by a new connection.
///
/// SDKs keep the position of such a channel and name it in the next `connect`; one that the answer
/// does not hold they count as lost (spec §9).
extension Session {
  /// A channel that was taken up, and gathers until the answer to `connect` has been sent.
  struct Resumption {
    let watch: Watch
    let request: Recovery.Request?
  }

  /// Joins the channels of jobs and groups named in `connect` that the user may read. The others are left
  /// out: one that is gone must not keep its watcher from connecting.
  func resumptions(in command: Command) async -> [Resumption] {
    guard let identity, identity.permissions.allows(.read) else { return [] }
    var resumptions: [Resumption] = []
    for (name, request) in command.request["subs"]?.object ?? [] {
      guard let subject = Channel(name).flatMap({ Subject(of: $0) }), subscriptions[subject.channel] == nil
      else { continue }
      guard subscriptions.count < settings.channelsPerConnection else { break }
      guard let watched = await watchUnasked(subject, as: identity) else { continue }
      resumptions.append(Resumption(watch: watched, request: recoveryRequest(of: request)))
    }
    return resumptions
  }

  /// `subs` of the connect result: a subscribe result for each channel.
  func write(_ resumptions: [Resumption], into writer: inout JSONWriter) {
    guard !resumptions.isEmpty else { return }
    writer.object("subs") {
      for resumption in resumptions {
        let record = resumption.watch.record
        var result = JSONWriter()
        result.object {
          writeSubscribed(
            to: record, recovery: Recovery(of: resumption.request, at: record.position),
            request: resumption.request, into: &$0)
        }
        $0.member(named: record.subject.description, result.text)
      }
    }
  }
}
