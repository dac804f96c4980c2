import Jobs

/// What an import did, or would do.
struct ImportReport: Hashable, Sendable {
  /// One job.
  struct Entry: Hashable, Sendable {
    enum Outcome: Hashable, Sendable {
      /// Or would be.
      case moved(JobID, kind: JobKind)
      case left(reason: String)
    }

    var queue: String
    var id: String
    var place: ForeignPlace
    var outcome: Outcome
  }

  let system: String
  let isMove: Bool
  private(set) var moved: [String: [ForeignPlace: Int]] = [:]
  private(set) var left: [Entry] = []
  /// Jobs that were not for us to move, by queue and by what they do.
  private(set) var others: [String: [String: Int]] = [:]
  private(set) var queues: [String] = []

  init(system: String, isMove: Bool) {
    self.system = system
    self.isMove = isMove
  }

  mutating func begin(_ queue: String, others counts: [(state: String, count: Int)]) {
    queues.append(queue)
    for (state, count) in counts where count > 0 { others[queue, default: [:]][state] = count }
  }

  mutating func add(_ entry: Entry) {
    switch entry.outcome {
    case .moved: moved[entry.queue, default: [:]][entry.place, default: 0] += 1
    case .left: left.append(entry)
    }
  }

  /// Whether nothing is left in the queues, but what was never asked for.
  var isComplete: Bool { left.isEmpty && others.isEmpty }

  /// For people: a line for each queue, one for each job that stays, and what to do next.
  var lines: [String] {
    let verb = isMove ? "moved" : "would move"
    var lines = queues.map { queue in
      let counts = ForeignPlace.allCases.compactMap { place in
        moved[queue]?[place].map { "\($0) \(place.rawValue)" }
      }
      var line = "\(queue)  \(verb) \(counts.isEmpty ? "nothing" : counts.joined(separator: ", "))"
      let stays = left.count { $0.queue == queue }
      if stays > 0 { line += "; \(isMove ? "left" : "would leave") \(stays)" }
      for (state, count) in (others[queue] ?? [:]).sorted(by: { $0.key < $1.key }) {
        line += "; \(count) \(state), which \(count == 1 ? "stays" : "stay")"
      }
      return line
    }
    if queues.isEmpty { lines.append("There are no queues.") }
    return lines
  }

  /// `{"system","moved","queues":[{"name","moved":{place:n},"left":[{"id","place","reason"}],"others":{state:n}}]}`; of a
  /// look `would_move` in place of `moved`.
  var document: JSONText {
    var writer = JSONWriter()
    writer.object { report in
      report.member("system", system)
      report.member("dry_run", !isMove)
      report.array("queues") { list in
        for queue in queues {
          list.object { document in
            document.member("name", queue)
            document.object("moved") { counts in
              for place in ForeignPlace.allCases {
                if let count = moved[queue]?[place] {
                  counts.member(named: place.rawValue, JSONText(unchecked: Array("\(count)".utf8)))
                }
              }
            }
            document.array("left") { entries in
              for entry in left where entry.queue == queue { entries.object { entry.write(into: &$0) } }
            }
            document.object("others") { counts in
              for (state, count) in (others[queue] ?? [:]).sorted(by: { $0.key < $1.key }) {
                counts.member(named: state, JSONText(unchecked: Array("\(count)".utf8)))
              }
            }
          }
        }
      }
      report.member("complete", isComplete)
    }
    return writer.text
  }
}

extension ImportReport.Entry {
  /// For people.
  func line(isMove: Bool) -> String {
    switch outcome {
    case .moved(let job, let kind):
      "\(queue)  \(id)  \(place.rawValue)  \(isMove ? "moved as" : "would be") \(job)  \(kind)"
    case .left(let reason): "\(queue)  \(id)  \(place.rawValue)  left: \(reason)"
    }
  }

  func write(into writer: inout JSONWriter) {
    writer.member("queue", queue)
    writer.member("id", id)
    writer.member("place", place.rawValue)
    switch outcome {
    case .moved(let job, let kind):
      writer.member("job", job.description)
      writer.member("kind", kind.description)
    case .left(let reason): writer.member("reason", reason)
    }
  }

  var document: JSONText {
    var writer = JSONWriter()
    writer.object { write(into: &$0) }
    return writer.text
  }
}
