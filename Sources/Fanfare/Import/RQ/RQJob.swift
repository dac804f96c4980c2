import Foundation
import Jobs

/// The record of an RQ job.
struct RQJob {
  private let fields: [String: [UInt8]]

  /// No payload is larger, however it is written down.
  private static let dataLimit = 2 << 20

  init(_ fields: [String: [UInt8]]) { self.fields = fields }

  /// The jobs that it waits for, by id.
  static func parents(in fields: [String: [UInt8]]) -> [String] {
    if let bytes = fields["dependency_ids"], let list = try? JSONDocument(bytes: bytes).root.array {
      return list.compactMap(\.string)
    }
    // Before RQ 1.8 there was one.
    return fields["dependency_id"].map { [String(decoding: $0, as: UTF8.self)] } ?? []
  }

  func job(_ rules: ImportRules) throws(ForeignJobFault) -> ForeignJob {
    try checkWhatIsLost(rules)
    let call = try call()
    let short = call.function.split(separator: ".").last.map(String.init) ?? ""
    let rule = rules.rule(for: call.function, short) ?? Self.natural(short)
    guard let kind = rule?.kind ?? JobKind(short) else {
      throw ForeignJobFault("\"\(call.function)\" is no name of a kind: give it one with --map")
    }
    var job = ForeignJob(
      name: call.function, kind: kind, payload: try call.payload(naming: rule?.arguments), priority: rules.priority)
    job.maxAttempts = number("retries_left").map { min(100, max(0, Int($0)) + 1) } ?? 1
    job.retry = retryPolicy
    // -1: none; what the queue says then counts.
    job.timeout = number("timeout").flatMap { $0 > 0 ? .seconds($0) : nil }
    job.startWithin = number("ttl").flatMap { $0 > 0 ? .seconds($0) : nil }
    job.parents = Self.parents(in: fields)
    if number("allow_dependency_failures") == 1 { job.whenOneFails = .run }
    return job
  }

  /// The video generator's job, whose arguments we know.
  private static func natural(_ function: String) -> KindRule? {
    function == "generate_video_job"
      ? KindRule("generate_video_job(session_id,audio_id,duration,transition,resolution)=slideshow") : nil
  }

  /// What RQ would do beside running the job, and we would not.
  private func checkWhatIsLost(_ rules: ImportRules) throws(ForeignJobFault) {
    if let repeats = number("repeats_left"), repeats > 0 {
      throw ForeignJobFault("it repeats itself: make it a schedule (fanfare schedules)")
    }
    if text("rate_limit_key") != nil { throw ForeignJobFault("it is bound to a rate limit of RQ's") }
    guard !rules.dropsCallbacks else { return }
    for outcome in ["success", "failure", "stopped"] {
      guard let callback = text("\(outcome)_callback_name") else { continue }
      throw ForeignJobFault("at its end it calls \(callback): move it with --drop-callbacks")
    }
    if text("webhooks") != nil { throw ForeignJobFault("it has webhooks: move it with --drop-callbacks") }
  }

  /// In whole seconds. One interval is always waited; several grow from the first to the last.
  private var retryPolicy: RetryPolicy? {
    guard let bytes = fields["retry_intervals"], let list = try? JSONDocument(bytes: bytes).root.array else {
      return nil
    }
    let intervals = list.compactMap(\.int).filter { (0...604_800).contains($0) }
    guard let first = intervals.first, let last = intervals.last else { return nil }
    return RetryPolicy(
      growth: last > first ? .exponential : .fixed, base: .seconds(first), cap: .seconds(max(first, last)), jitter: 0)
  }

  private func text(_ name: String) -> String? {
    fields[name].flatMap { $0.isEmpty ? nil : String(decoding: $0, as: UTF8.self) }
  }

  private func number(_ name: String) -> Int64? { text(name).flatMap { Int64($0) } }

  // MARK: What it calls

  private func call() throws(ForeignJobFault) -> RQCall {
    guard let packed = fields["data"] else { throw ForeignJobFault("its record has no data") }
    // Not packed: written by an RQ before 0.13.
    let data = InflatedBytes.of(packed, limit: Self.dataLimit) ?? packed
    guard data.count <= Self.dataLimit else { throw ForeignJobFault("\(PickleError.tooLarge)") }
    // RQ's JSON serializer writes a list; no pickle begins so.
    return data.first == UInt8(ascii: "[") ? try RQCall(json: data) : try RQCall(pickle: data)
  }
}

/// A function with its arguments: what RQ keeps as `(function, object, arguments, named arguments)`.
struct RQCall: Hashable, Sendable {
  var function: String
  var arguments: [JSONText]
  var named: [(name: String, value: JSONText)] { zip(names, values).map { ($0, $1) } }
  private var names: [String]
  private var values: [JSONText]

  init(json: [UInt8]) throws(ForeignJobFault) {
    guard let parts = try? JSONDocument(bytes: json).root.array, parts.count == 4,
      let function = parts[0].string, let arguments = parts[2].array, let named = parts[3].object
    else { throw ForeignJobFault("its data is not what RQ writes") }
    guard parts[1].isNull else { throw ForeignJobFault("it is a method of an object") }
    self.function = function
    self.arguments = arguments.map(\.text)
    names = named.map(\.name)
    values = named.map(\.value.text)
  }

  init(pickle: [UInt8]) throws(ForeignJobFault) {
    do throws(PickleError) {
      let document = try PickleReader.read(pickle)
      guard let parts = document.items(of: document.root), parts.count == 4, case .text(let function) = parts[0],
        let arguments = document.items(of: parts[2])
      else { throw PickleError.notJSON("no call of a function") }
      // A method of an object: what it is says the object.
      _ = try document.json(parts[1])
      guard parts[1] == .none else { throw PickleError.notJSON("a method of an object") }
      self.function = function
      var texts: [JSONText] = []
      for argument in arguments { texts.append(try document.json(argument)) }
      self.arguments = texts
      (names, values) = ([], [])
      guard case .node(let place) = parts[3], case .dictionary(let entries) = document.nodes[place] else {
        throw PickleError.notJSON("no named arguments")
      }
      for (name, value) in try document.members(entries) {
        names.append(name)
        values.append(try document.json(value))
      }
    } catch { throw ForeignJobFault("\(error)") }
  }

  /// `{"args":[…],"kwargs":{…}}`; where the arguments have names, one object of all.
  func payload(naming positions: [String]?) throws(ForeignJobFault) -> JSONText {
    var writer = JSONWriter()
    if let positions {
      guard arguments.count <= positions.count else {
        throw ForeignJobFault("it has \(arguments.count) arguments, and --map names \(positions.count)")
      }
      writer.object { payload in
        for (name, value) in zip(positions, arguments) { payload.member(named: name, value) }
        for (name, value) in named { payload.member(named: name, value) }
      }
    } else {
      writer.object { payload in
        payload.array("args") { list in for argument in arguments { list.element(argument) } }
        payload.object("kwargs") { members in for (name, value) in named { members.member(named: name, value) } }
      }
    }
    return writer.text
  }
}
