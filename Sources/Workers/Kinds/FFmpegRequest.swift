import Jobs

/// What a payload of the ffmpeg kind asks for, checked.
struct FFmpegRequest: Hashable {
  let input: InputReference
  let output: ArtifactName
  let arguments: FFmpegArguments

  /// The extensions of outputs; each is a container that is one file.
  static let extensions: Set<String> = [
    "mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "gif", "mp3", "m4a", "aac", "wav", "flac",
    "ogg", "oga", "opus", "ac3", "png", "jpg", "jpeg", "webp", "srt", "vtt",
  ]

  /// Throws all faults of the payload at once.
  init(_ payload: JSONText) throws(FFmpegArgumentFaults) {
    let root: JSONValue
    do {
      root = try JSONDocument(bytes: payload.bytes, refusesDuplicates: true).root
    } catch {
      throw FFmpegArgumentFaults(faults: [PayloadFault("", "the payload is not JSON: \(error)")])
    }
    guard let members = root.object else {
      throw FFmpegArgumentFaults(faults: [PayloadFault("", "the payload must be an object")])
    }
    var faults: [PayloadFault] = []
    for (name, _) in members where !["input", "output", "arguments"].contains(name) {
      faults.append(PayloadFault("/\(FFmpegArguments.shown(name))", "is not known"))
    }
    var input: InputReference?
    do throws(PayloadFault) {
      guard let text = root["input"]?.string else {
        throw PayloadFault("/input", "must be a text")
      }
      input = try InputReference(text, at: "/input")
    } catch {
      faults.append(error)
    }
    var output: ArtifactName?
    do throws(PayloadFault) {
      output = try Self.output(root["output"])
    } catch {
      faults.append(error)
    }
    var arguments: FFmpegArguments?
    do throws(FFmpegArgumentFaults) {
      arguments = try FFmpegArguments(Self.words(root["arguments"]))
    } catch {
      faults += error.faults
    }
    guard faults.isEmpty, let input, let output, let arguments else {
      throw FFmpegArgumentFaults(faults: faults)
    }
    self.input = input
    self.output = output
    self.arguments = arguments
  }

  private static func output(_ value: JSONValue?) throws(PayloadFault) -> ArtifactName {
    guard let text = value?.string else { throw PayloadFault("/output", "must be a text") }
    // A percent sign would be a pattern: many files, or another name than the one asked for.
    guard let name = ArtifactName(text), !text.contains("%"), !text.contains(":") else {
      throw PayloadFault("/output", "must be a plain file name")
    }
    guard extensions.contains(name.fileExtension) else {
      throw PayloadFault("/output", "has an extension that is not allowed")
    }
    return name
  }

  private static func words(_ value: JSONValue?) throws(FFmpegArgumentFaults) -> [String] {
    guard let value else { return [] }
    guard let elements = value.array else {
      throw FFmpegArgumentFaults(faults: [PayloadFault("/arguments", "must be a list of texts")])
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
    if !faults.isEmpty { throw FFmpegArgumentFaults(faults: faults) }
    return words
  }
}
