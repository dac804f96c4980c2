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

  /// Joins the jobs' channels named in `connect` that the user may read. The others are left out:
  /// a job that is gone must not keep its watcher from connecting.
  func resumptions(in command: Command) async -> [Resumption] {
    guard let identity, identity.permissions.allows(.read) else { return [] }
    var resumptions: [Resumption] = []
    for (name, request) in command.request["subs"]?.object ?? [] {
      guard case .job(let id)? = Channel(name), subscriptions[.job(id)] == nil else { continue }
      guard subscriptions.count < settings.channelsPerConnection else { break }
      guard let watched = await watchUnasked(id, as: identity) else { continue }
      resumptions.append(Resumption(watch: watched, request: recoveryRequest(of: request)))
    }
    return resumptions
  }

  /// `subs` of the connect result: a subscribe result for each channel.
  func write(_ resumptions: [Resumption], into writer: inout JSONWriter) {
    guard !resumptions.isEmpty else { return }
    writer.object("subs") {
      for resumption in resumptions {
        let job = resumption.watch.job
        var result = JSONWriter()
        result.object {
          writeSubscribed(
            to: job, recovery: Recovery(of: resumption.request, at: job.position),
            request: resumption.request, into: &$0)
        }
        $0.member(named: Channel.job(job.id).description, result.text)
      }
    }
  }
}
