import Jobs

/// What a payload of the demucs kind asks for, checked: `{"input":…,"stem":"no_vocals"?,"output":"music.mp3"?}`.
struct DemucsRequest: Hashable {
  /// What is wanted of a track.
  enum Stem: Hashable {
    /// One stem, or all but one (`no_vocals`).
    case one(String, isLeftOut: Bool)
    /// Every stem of the model, a file each.
    case all

    /// `vocals`, `no_vocals`, `all`; nil for words that are none.
    init?(_ text: String) {
      if text == "all" {
        self = .all
        return
      }
      let isLeftOut = text.hasPrefix("no_")
      let name = isLeftOut ? String(text.dropFirst(3)) : text
      guard Self.names.contains(name) else { return nil }
      self = .one(name, isLeftOut: isLeftOut)
    }

    /// The stems of Demucs's models; the last two are those of htdemucs_6s. A model that lacks one says so itself.
    static let names = ["vocals", "drums", "bass", "other", "guitar", "piano"]
  }

  /// The form that the stems are written in.
  enum Format: String {
    case wav, flac, mp3
  }

  let input: InputReference
  let stem: Stem
  let format: Format
  /// What the artifact is called; nil for the stem's own name.
  let output: ArtifactName?

  /// Throws all faults of the payload at once.
  init(_ payload: JSONText) throws(PayloadFaults) {
    var reader = try PayloadReader(payload, members: ["input", "stem", "output"])
    let input = reader.reference("input")
    let value = reader.root["stem"]
    let stem = reader.take { () throws(PayloadFault) in
      guard let value else { return Stem.one("vocals", isLeftOut: true) }
      guard let stem = value.string.flatMap(Stem.init) else {
        let names = Stem.names.joined(separator: ", ")
        throw PayloadFault("/stem", "must be \(names), one of these behind no_, or all")
      }
      return stem
    }
    let hasOutput = reader.root["output"].map { !$0.isNull } ?? false
    let output = hasOutput ? reader.output(of: ["wav", "flac", "mp3"]) : nil
    if hasOutput, stem == .all { reader.note(PayloadFault("/output", "names one file, and all stems are several")) }
    try reader.check()
    guard let input, let stem else { preconditionFailure("a member that cannot be read is a fault") }
    self.input = input
    self.stem = stem
    self.output = output
    format = output.flatMap { Format(rawValue: $0.fileExtension) } ?? .wav
  }
}
