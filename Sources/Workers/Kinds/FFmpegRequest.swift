import Jobs

/// What a payload of the ffmpeg kind asks for, checked: `input`, `output` and `arguments`, or `inputs`, `output` and
/// a `command` of the caller's own.
struct FFmpegRequest: Hashable {
  /// An input in the order in which ffmpeg opens them; the same one may be opened twice.
  struct Input: Hashable {
    let reference: InputReference
    /// Where the payload names it.
    let pointer: String
    /// The options that say how it is read.
    var options: [String] = []
    var span = FFmpegSpan()
    var isRepeated = false

    /// How much of it is read, where it is `duration` long; nil where nobody can say.
    func expectedLength(of duration: Duration?) -> Duration? {
      span.expectedLength(of: isRepeated ? nil : duration)
    }
  }

  let inputs: [Input]
  let output: ArtifactName
  let arguments: FFmpegArguments

  /// The extensions of outputs; each is a container that is one file.
  static let extensions: Set<String> = [
    "mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "gif", "mp3", "m4a", "aac", "wav", "flac",
    "ogg", "oga", "opus", "ac3", "png", "jpg", "jpeg", "webp", "srt", "vtt",
  ]

  /// Throws all faults of the payload at once.
  init(_ payload: JSONText) throws(PayloadFaults) {
    let root = try PayloadReader.root(of: payload)
    if root["command"] != nil || root["inputs"] != nil {
      try self.init(commandLine: payload)
    } else {
      try self.init(arguments: payload)
    }
  }

  /// `{"input":…,"output":…,"arguments":[…]?}`
  private init(arguments payload: JSONText) throws(PayloadFaults) {
    var reader = try PayloadReader(payload, members: ["input", "output", "arguments"])
    let reference = reader.reference("input")
    let output = reader.output(of: Self.extensions)
    var arguments: FFmpegArguments?
    do throws(PayloadFaults) {
      arguments = try FFmpegArguments(Self.words(reader.root["arguments"]))
    } catch {
      reader.note(error)
    }
    try reader.check()
    guard let reference, let output, let arguments else {
      preconditionFailure("a member that cannot be read is a fault")
    }
    inputs = [Input(reference: reference, pointer: "/input")]
    self.output = output
    self.arguments = arguments
  }

  /// `{"command":"-i a.mp4 out.mp4","inputs":{"a.mp4":…},"output":"out.mp4"}`
  private init(commandLine payload: JSONText) throws(PayloadFaults) {
    var reader = try PayloadReader(payload, members: ["command", "inputs", "output"])
    let references = Self.references(&reader)
    let output = reader.output(of: Self.extensions)
    var command: FFmpegCommandLine?
    if let line = reader.root["command"]?.string {
      do throws(PayloadFaults) {
        command = try FFmpegCommandLine(line, inputs: Set(references.keys), output: output)
      } catch {
        reader.note(error)
      }
    } else {
      reader.note(PayloadFault(FFmpegCommandLine.pointer, "must be a text"))
    }
    try reader.check()
    guard let output, let command else { preconditionFailure("a member that cannot be read is a fault") }
    inputs = command.inputs.compactMap { input in
      references[input.name].flatMap { reference in
        reference.map {
          Input(
            reference: $0, pointer: Self.pointer(of: input.name), options: input.options, span: input.span,
            isRepeated: input.isRepeated)
        }
      }
    }
    self.output = output
    arguments = command.arguments
  }

  private static func pointer(of input: String) -> String { "/inputs/\(PayloadFault.step(input))" }

  /// The inputs by name; the value is nil, and a fault noted, where it names none that can be.
  private static func references(_ reader: inout PayloadReader) -> [String: InputReference?] {
    guard let members = reader.root["inputs"]?.object, !members.isEmpty, members.count <= FFmpegCommandLine.inputLimit
    else {
      reader.note(
        PayloadFault("/inputs", "must be an object of 1 to \(FFmpegCommandLine.inputLimit) inputs by their names"))
      return [:]
    }
    var references: [String: InputReference?] = [:]
    for (name, value) in members {
      let pointer = pointer(of: name)
      references[name] = .some(
        reader.take { () throws(PayloadFault) in
          guard ArtifactName(name) != nil, !name.hasPrefix("-"), !name.contains("%"), !name.contains(":") else {
            throw PayloadFault(pointer, "must have a plain file name")
          }
          return try PayloadReader.reference(value, at: pointer)
        })
    }
    return references
  }

  private static func words(_ value: JSONValue?) throws(PayloadFaults) -> [String] {
    guard let value else { return [] }
    guard let elements = value.array else {
      throw PayloadFaults([PayloadFault("/arguments", "must be a list of texts")])
    }
    var words: [String] = []
    var faults: [PayloadFault] = []
    for (index, element) in elements.enumerated() {
      if let word = element.string, !word.utf8.contains(0) {
        words.append(word)
      } else {
        faults.append(PayloadFault("/arguments/\(index)", "must be a text"))
      }
    }
    if !faults.isEmpty { throw PayloadFaults(faults) }
    return words
  }
}
