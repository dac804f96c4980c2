import EventLoop
import Foundation
import Gateway
import Jobs
import Testing

/// Replays the transcripts of docs/protocol.md against a gateway: the page cannot rot.
///
/// `C:` is sent, `S:` must come, in this order, member for member; `<name>` stands for any value,
/// the same wherever it stands again. `W:` is done by a worker.
@Suite("The transcripts of docs/protocol.md") struct TranscriptTests {
  struct Transcript: Sendable, CustomTestStringConvertible {
    var heading: String
    var lines: [String]
    var testDescription: String { heading }
  }

  private static let page: String = {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    do {
      return try String(contentsOf: root.appendingPathComponent("docs/protocol.md"), encoding: .utf8)
    } catch {
      preconditionFailure("docs/protocol.md cannot be read: \(error)")
    }
  }()

  static let transcripts: [Transcript] = {
    var found: [Transcript] = []
    var heading = ""
    var lines: [String]?
    for line in page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      if line.hasPrefix("#") { heading = line.trimmingCharacters(in: ["#", " "]) }
      if line == "```transcript" {
        lines = []
      } else if line == "```", let whole = lines {
        found.append(Transcript(heading: heading, lines: whole))
        lines = nil
      } else {
        lines?.append(line)
      }
    }
    return found
  }()

  @Test("are there") func count() { #expect(Self.transcripts.count >= 4) }

  @Test("are what a gateway says", arguments: transcripts)
  func replay(transcript: Transcript) async throws {
    try await SessionHarness.run(settings: { $0.pingInterval = .seconds(25) }) { harness in
      let (session, connection) = try harness.open()
      var replay = Replay(values: ["token": try harness.token()])
      var received = 0
      var lease: Lease?
      for line in transcript.lines {
        let text = String(line.dropFirst(3))
        switch line.prefix(2) {
        case "C:": session.tell(replay.filled(text))
        case "S:":
          received += 1
          let frames = await connection.frames(received)
          #expect(frames.count >= received, "nothing came for \(text)")
          guard frames.count >= received else { return }
          try replay.match(text, frames[received - 1])
        case "W:":
          let words = text.split(separator: " ", maxSplits: 2).map(String.init)
          switch words[0] {
          case "leases": lease = try await harness.lease().lease
          case "reports":
            _ = try await harness.broker.report(
              Progress(percent: Double(words[1]), stage: words[2]), under: try #require(lease))
          case "completes":
            _ = try await harness.broker.settle(
              try #require(lease), .complete(try JSONText(validating: words[1])))
          case "job":
            let job = try await harness.enqueue()
            let leased = try await harness.lease()
            _ = try await harness.broker.settle(
              leased.lease, .complete(try JSONText(validating: #"{"answer":42}"#)))
            replay.values["job"] = job.id.description
            replay.values["epoch"] = job.position.epoch
            replay.values["naming"] = try harness.token(channels: ["job:\(job.id)"])
            replay.values["pass"] = try harness.issuer.subscriptionToken(
              user: "alice", channel: "job:\(job.id)", lifetime: .seconds(600), now: Date())
          default: Issue.record("no worker knows how to: \(text)")
          }
        default: Issue.record("a line of a transcript is none: \(line)")
        }
      }
      #expect(connection.sent.count == received, "more came than the page says")
      #expect(connection.closed == nil)
    }
  }

  @Test("stand beside every method that can be called, and every member of a submission")
  func methods() async throws {
    try await SessionHarness.run { harness in
      for name in harness.gateway.environment.procedures.names {
        #expect(Self.page.contains("`\(name)`"), "\(name) is not on the page")
      }
    }
  }

  @Test("stand beside the table of disconnects that the code has")
  func disconnects() {
    let rows = Self.page.split(separator: "\n").filter { $0.hasPrefix("| 3") }
      .map { $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } }
    let said = rows.map { "\($0[0]) \($0[1]) \($0[2])" }
    let known = Disconnect.allCases.map {
      "\($0.code) \($0.reason) \($0.invitesReconnect ? "yes" : "no")"
    }
    #expect(said == known)
  }

  @Test("stand beside the table of ended subscriptions that the code has")
  func unsubscriptions() {
    let rows = Self.page.split(separator: "\n").filter { $0.hasPrefix("| 2") }
      .map { $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } }
    #expect(rows.map { "\($0[0]) \($0[1])" } == Unsubscription.allCases.map { "\($0.code) \($0.reason)" })
    for (row, code) in zip(rows, Unsubscription.allCases) {
      #expect(row[2].hasPrefix("yes") == code.invitesResubscribe)
    }
  }

  @Test(
    "stand beside the table of errors that the code has",
    arguments: [
      ReplyError.internal, .unauthorized, .unknownChannel, .permissionDenied, .methodNotFound,
      .alreadySubscribed, .limitExceeded, .badRequest, .notAvailable, .tokenExpired,
      .unrecoverablePosition,
    ])
  func errors(error: ReplyError) {
    #expect(Self.page.contains("| \(error.code) | \(error.message) |"))
  }
}
