import Jobs
import Logging

/// Subscriptions that the gateway itself made, for `watch`, taken up again by a new connection.
///
/// SDKs keep the position of such a channel and name it in the next `connect`; one that the answer
/// does not hold they count as lost (spec §9).
extension Session {
  /// A channel that was taken up, and gathers until the answer to `connect` has been sent.
  struct Resumption {
    let subscription: Subscription
    let job: Job
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
      if let resumption = await resume(id, recoveryRequest(of: request), identity) {
        resumptions.append(resumption)
      }
    }
    return resumptions
  }

  private func resume(
    _ id: JobID, _ request: Recovery.Request?, _ identity: Identity
  ) async -> Resumption? {
    do throws(ReplyError) {
      let subscription = try await join(.job(id))
      do throws(Problem) {
        let job = try await environment.verbs.job(id, for: identity)
        if isStillWanted(subscription) {
          return Resumption(subscription: subscription, job: job, request: request)
        }
      } catch {
        abandon(subscription)
        environment.logger.debug(
          "a channel was not taken up again",
          metadata: ["job": "\(id)", "problem": "\(error.code.rawValue)"])
      }
    } catch {
      environment.logger.notice(
        "a channel was not taken up again",
        metadata: ["job": "\(id)", "error": "\(error.message)"])
    }
    return nil
  }

  /// `subs` of the connect result: a subscribe result for each channel.
  func write(_ resumptions: [Resumption], into writer: inout JSONWriter) {
    guard !resumptions.isEmpty else { return }
    writer.object("subs") {
      for resumption in resumptions {
        var result = JSONWriter()
        result.object {
          writeSubscribed(
            to: resumption.job,
            recovery: Recovery(of: resumption.request, at: resumption.job.position),
            request: resumption.request, into: &$0)
        }
        $0.member(named: resumption.subscription.channel.description, result.text)
      }
    }
  }
}
