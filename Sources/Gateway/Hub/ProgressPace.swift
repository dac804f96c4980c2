package import EventLoop
import Jobs

/// Lets progress of each subject pass no more often than once in an interval; of what comes between, the newest.
///
/// A change of state passes at once, and what is held of its subject before it: the order of events is kept.
@EventLoop
package struct ProgressPace {
  /// What is to be done with a publication.
  package nonisolated enum Verdict: Equatable {
    case pass
    /// It is held; ask for what is ``due(of:at:)`` after this time.
    case hold(for: Duration)
    /// It is held in the place of an older one, which is superfluous now.
    case replace
  }

  package let interval: Duration
  private var passed: [Subject?: ContinuousClock.Instant] = [:]
  private var held: [Subject?: Publication] = [:]

  package init(interval: Duration) { self.interval = interval }

  /// Takes progress of its subject.
  package mutating func take(_ progress: Publication, at now: ContinuousClock.Instant) -> Verdict {
    let subject = progress.subject
    if held.updateValue(progress, forKey: subject) != nil { return .replace }
    if let last = passed[subject], now - last < interval { return .hold(for: interval - (now - last)) }
    held[subject] = nil
    passed[subject] = now
    return .pass
  }

  /// What is held of a subject, as its time has come: it passes now. Nil where a change of state took it along.
  package mutating func due(of subject: Subject?, at now: ContinuousClock.Instant) -> Publication? {
    guard let publication = held.removeValue(forKey: subject) else { return nil }
    passed[subject] = now
    return publication
  }

  /// The subject changed its state: gives what is held of it, which goes before the change. After the end
  /// nothing is remembered of it.
  package mutating func changed(_ subject: Subject?, isEnd: Bool) -> Publication? {
    if isEnd { passed[subject] = nil }
    return held.removeValue(forKey: subject)
  }
}
