package import EventLoop
package import Jobs

/// Something to be sent to everybody who watches a channel: encoded once, shared by all.
@EventLoop
package final class Publication {
  package let channel: Channel
  /// Nil for what concerns all that a user's channel is about.
  package let subject: Subject?
  /// Where the subject's stream stands with it; nil for what is no change of it: a job's place in the queue.
  package let position: StreamPosition?
  /// Whether the channel is the subject's own stream, in which the offsets are numbers.
  let isNumbered: Bool
  /// Whether a newer one makes this one superfluous.
  package let isProgress: Bool
  /// Whether it tells the subject's end.
  package let isTerminal: Bool
  /// What happened to a job; nil for everything else.
  let event: JobEvent?
  /// Whether events are delivered from now on, where it tells that; nil for everything else.
  let tellsDelivery: Bool?
  /// The JSON of the event; that of a job is written when somebody is to be sent it.
  package private(set) lazy var data = text
  private let written: JSONText?
  private let eventName: StaticString

  /// What happened, as `channel` shows it.
  package init(_ event: JobEvent, on channel: Channel) {
    self.channel = channel
    subject = .job(event.id)
    isNumbered = channel == .job(event.id)
    position = event.position
    isProgress = event.class == .progress
    isTerminal = event.state.isTerminal
    self.event = event
    tellsDelivery = nil
    written = nil
    eventName = event.class == .progress ? "progress" : "state"
  }

  /// The whole record, for who lacks more than one step; on its own channel if none is named.
  package init(_ record: WatchedRecord, on channel: Channel? = nil) {
    self.channel = channel ?? record.subject.channel
    subject = record.subject
    isNumbered = self.channel == record.subject.channel
    position = record.position
    isTerminal = record.hasEnded
    event = nil
    tellsDelivery = nil
    switch record {
    case .job(let job, let estimate):
      isProgress = false
      written = JobDocument.snapshot(of: job, estimate: estimate)
      eventName = "snapshot"
    case .group(let group):
      // A newer one says all that this one says, but for the end.
      isProgress = group.state != .finished
      written = GroupDocument.text(of: group, isEvent: true)
      eventName = "group"
    }
  }

  /// Where a waiting job stands, which is no step of its record: without a number, and superfluous as
  /// soon as a newer one is there.
  package init(_ place: QueuePlace, estimate: WaitEstimate?, of job: JobID) {
    channel = .job(job)
    subject = .job(job)
    isNumbered = false
    position = nil
    isProgress = true
    isTerminal = false
    event = nil
    tellsDelivery = nil
    written = JobDocument.text(of: place, estimate: estimate, for: job)
    eventName = "position"
  }

  /// That events of a channel are interrupted, or that they arrive again and all that was missed was told. No
  /// step of anything: without a number; and never dropped, since silence looks the same either way.
  package init(isDelivering: Bool, on channel: Channel) {
    self.channel = channel
    subject = Subject(of: channel)
    isNumbered = false
    position = nil
    isProgress = false
    isTerminal = false
    event = nil
    tellsDelivery = isDelivering
    var writer = JSONWriter()
    writer.object {
      $0.member("event", "delivery")
      switch channel {
      case .job(let id): $0.member("id", id.description)
      case .group(let id): $0.member("id", id.description)
      case .user: break
      }
      $0.member("delivering", isDelivering)
    }
    written = writer.text
    eventName = "delivery"
  }

  private var text: JSONText {
    if let written { return written }
    guard let event else { preconditionFailure("a publication of nothing") }
    return JobDocument.text(of: event)
  }

  /// `{"push":{"channel":…,"pub":{…}}}` as a frame. On a user's channel without an offset: the
  /// numbers of different jobs are not one stream.
  package private(set) lazy var push = PreparedFrame(
    text: {
      var writer = JSONWriter(reserving: data.bytes.count + 128)
      writer.object {
        $0.object("push") {
          $0.member("channel", channel.description)
          $0.object("pub") { writePublication(into: &$0) }
        }
      }
      return writer.bytes
    }())

  /// The epoch of its position as a number, for quick comparison.
  private(set) lazy var stream = position?.epoch.hashValue ?? 0

  /// ``push`` as unidirectional transports have it: what stands in `push`, alone.
  package var barePush: ArraySlice<UInt8> {
    push.payload.dropFirst(#"{"push":"#.utf8.count).dropLast()
  }

  /// The event as `text/event-stream` has it, with the cursor as its id.
  package private(set) lazy var serverSentEvent = PreparedFrame(
    raw: Array(
      "\(position.map { "id: \($0.cursor)\n" } ?? "")event: \(eventName)\ndata: ".utf8)
      + data.bytes + Array("\n\n".utf8))

  /// The members of a publication object, as `publications` of a subscribe result lists them too.
  package func writePublication(into writer: inout JSONWriter) {
    writer.member("data", data)
    if isNumbered, let position { writer.member("offset", position.offset) }
  }
}
