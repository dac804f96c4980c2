import EventLoop
import Foundation
import Jobs
import Support

/// One who submits jobs and watches them: what it remembers over all its connections, whatever their transport.
@EventLoop
final class Browser {
  /// A job that it wants done.
  struct Submission: Sendable {
    let key: String
    let isStill: Bool
    let fails: Bool
    /// How often it reports, and how long it works for each, in milliseconds.
    let steps: Int
    let pace: Int
    let isWatched: Bool

    /// What is submitted; with the same key again, the same job.
    func request(from kind: BrowserKind) -> String {
      let work = isStill ? EchoWorker.still : EchoWorker.echo
      return #"{"kind":"\#(work)","payload":{"steps":\#(steps),"pace":\#(pace),"fails":\#(fails)},"#
        + #""retry":{"base":0.02,"jitter":0.5},"max_attempts":20"#
        + (kind == .socket ? #","idempotency_key":"\#(key)","watch":\#(isWatched)}"# : "}")
    }
  }

  let name: String
  let kind: BrowserKind
  private(set) var streams: [String: WatchedStream] = [:]
  private let run: WatchRun
  private var random: SeededRandom
  private var submissions = 0
  private var token: (text: String, expiresAt: ContinuousClock.Instant)?
  private var forgetsToRefresh = false

  init(_ number: Int, _ kind: BrowserKind, in run: WatchRun, seed: UInt64) {
    name = "\(kind.rawValue) \(number)"
    self.kind = kind
    self.run = run
    random = SeededRandom(seed: seed)
  }

  var isOver: Bool { run.isOver }

  // MARK: Chance

  func chance(_ part: Double) -> Bool { !run.isCalm && Double.random(in: 0..<1, using: &random) < part }

  func moment(_ range: ClosedRange<Int>) -> Duration { .milliseconds(Int.random(in: range, using: &random)) }

  /// The address of a gateway, through the network.
  func port() -> Int? { run.fleet.seats.randomElement(using: &random)?.front.port }

  /// Before it connects again; as SDKs do it waits longer where that failed time and again.
  func backOff(after failures: Int) async {
    await pause(moment(5...150 * (1 << min(failures, 4))))
  }

  // MARK: Tokens

  /// The token that it has, which may end in a moment or have ended; a fresh one where that is longer ago.
  func liveToken() throws -> String {
    if let token, token.expiresAt + moment(-500...2500) > .now { return token.text }
    return try freshToken()
  }

  func freshToken() throws -> String {
    let life = Duration.seconds(Int.random(in: run.plan.tokens, using: &random))
    let text = try run.fleet.token(lifetime: life)
    token = (text, .now + life)
    forgetsToRefresh = chance(0.4)
    return text
  }

  /// Its token was refused as expired.
  func forgetToken() {
    token = nil
    count("refusals of a token that had expired")
  }

  /// Whether it is to be refreshed now.
  var needsRefresh: Bool { !forgetsToRefresh && token.map { $0.expiresAt < .now + .seconds(1) } ?? true }

  /// The member of a subscribe by which a token for the channel lets in; now and then.
  func subscriptionToken(for job: String) throws -> String {
    guard chance(0.1) else { return "" }
    count("subscriptions by token")
    return #","token":"\#(try run.fleet.token(for: "job:\(job)", lifetime: .seconds(1)))""#
  }

  // MARK: Jobs

  /// The next job to be submitted, if any is left and it is time.
  func nextSubmission() -> Submission? {
    guard run.takeSubmission() else { return nil }
    submissions += 1
    let isStill = Bool.random(using: &random)
    let isLong = Int.random(in: 0..<5, using: &random) == 0
    return Submission(
      key: "\(name)-\(submissions)", isStill: isStill, fails: Int.random(in: 0..<10, using: &random) < 3,
      steps: isLong ? 20 : isStill ? 0 : 4, pace: isLong ? 15 : 2, isWatched: Bool.random(using: &random))
  }

  /// The gateway took a job of its.
  func accepted(_ submission: Submission, as id: String) {
    run.accepted(id, isStill: submission.isStill, by: self, &random)
  }

  /// Begins to watch a job; false where it does already.
  @discardableResult
  func begin(_ job: String, isStill: Bool) -> Bool {
    guard streams[job] == nil else { return false }
    streams[job] = WatchedStream(of: job, isStill: isStill)
    run.began()
    return true
  }

  func change(_ job: String, _ change: (inout WatchedStream) -> Void) {
    guard var stream = streams[job] else {
      return violate("\(job) is not watched, but told of")
    }
    // The array of items is to be changed in place.
    streams[job] = nil
    let hadEnded = stream.hasEnded
    change(&stream)
    let hasEnded = stream.hasEnded
    streams[job] = stream
    if hasEnded != hadEnded { run.ended(by: hasEnded ? 1 : -1) }
  }

  /// What it takes up on a new connection: everything that has not ended, and something that has: of that nothing may
  /// be told again.
  func jobsToResume() -> [String] {
    var ended = 0
    return streams.compactMap { job, stream in
      guard stream.hasEnded else { return job }
      guard ended < 5, chance(0.1) else { return nil }
      ended += 1
      count("jobs asked for again after their end")
      return job
    }
  }

  /// Takes a subscribe result.
  func take(result: JSONValue, of job: String) {
    if result["was_recovering"]?.bool == true {
      count(result["publications"] != nil ? "recovered, behind" : "recovered, at the top")
      if result["recovered"]?.bool != true {
        count("resets")
        change(job) { stream in
          // Nothing sets this store back.
          stream.fault(.other, "a resume did not recover: \(result.text)")
          stream.reset()
        }
      }
    }
    change(job) { $0.take(result: result) }
  }

  /// Takes a publication, as it is pushed.
  func take(publication data: JSONValue, of job: String) {
    if data["event"]?.string == "delivery" { count("told that delivery is interrupted, or goes on") }
    count(data["event"]?.string == "snapshot" ? "snapshots, live" : "events, live")
    change(job) { $0.take(publication: data) }
  }

  /// Writes down what happened to all that it watches.
  func note(_ happening: String) {
    for (job, stream) in streams where !stream.hasEnded { change(job) { $0.note("(\(happening))") } }
  }

  func count(_ name: String) { run.ledger.count(name) }

  func violate(_ sentence: String) { run.ledger.violate("\(name): \(sentence)") }

  /// A connection ended; how, is told by the error.
  func disconnected(_ error: any Error) {
    let kind =
      switch error {
      case RawSocket.Failure.timedOut: "of them silent: half open"
      case RawSocket.Failure.reset: "of them reset"
      case RawSocket.Failure.ended: "of them ended on the way"
      case WebSocketClient.Failure.refused(let answer): "of them refused with \(answer.status)"
      case Closed.byGateway(let code): "of them closed with \(code)"
      case Closed.byBrowser: "of them cut by the client"
      default: "of them \(error)"
      }
    if case RawSocket.Failure.cannotConnect = error { return count("connections that could not be made") }
    count("disconnects")
    count("  " + kind)
    note(kind)
    if case Closed.byGateway(let code) = error, !Self.isToComeBack(code) {
      violate("was closed with \(code), which is for ever")
    }
    if case WebSocketClient.Failure.violation(let sentence) = error { violate(sentence) }
  }

  /// What a connection ended with, where nobody cut it on its way.
  enum Closed: Error {
    case byGateway(UInt16)
    case byBrowser
  }

  private static func isToComeBack(_ code: UInt16) -> Bool {
    (3000...3499).contains(code) || (4000...4499).contains(code) || code == 1006 || code == 1005
  }
}
