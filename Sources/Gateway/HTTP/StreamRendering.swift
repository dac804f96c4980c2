import EventLoop
import Jobs

/// The form in which a stream over HTTP shows what happens.
enum StreamRendering: Sendable {
  /// Server-sent events, each with its name and, where it is a step of the record, its cursor as the id.
  case events
  /// The pushes of the protocol, bare, as server-sent events (spec §13).
  case pushEvents
  /// The same as lines of JSON.
  case pushLines

  /// Whether it speaks the protocol: `connect` comes first, `disconnect` last, and pings between.
  var isProtocol: Bool { self != .events }

  var contentType: String { self == .pushLines ? "application/x-ndjson" : "text/event-stream" }

  /// What stands before everything else.
  var opening: [UInt8] { self == .events ? Array("retry: 2000\n\n".utf8) : [] }

  /// What goes out now and then, so that neither a proxy nor the client takes silence for death. A comment is
  /// seen by no program.
  var ping: [UInt8] { self == .events ? Array(":\n\n".utf8) : frame(ofPush: Array("{}".utf8)).bytes }

  @EventLoop
  func frame(of publication: Publication) -> PreparedFrame {
    self == .events ? publication.serverSentEvent : frame(ofPush: publication.barePush)
  }

  /// One object of the protocol.
  func frame(ofPush json: some Collection<UInt8>) -> PreparedFrame {
    switch self {
    case .events: preconditionFailure("a stream of events was given a push")
    case .pushEvents: PreparedFrame(raw: Array("data: ".utf8) + json + Array("\n\n".utf8))
    case .pushLines: PreparedFrame(raw: Array(json) + [0x0A])
    }
  }
}
