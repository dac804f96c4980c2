import Jobs

/// What a payload of the slideshow kind asks for, checked.
struct SlideshowRequest: Hashable {
  let images: [InputReference]
  let audio: InputReference?
  /// How long each image is shown, in seconds.
  let seconds: Double
  let transition: SlideshowTransition
  let size: PictureSize
  let output: ArtifactName
  /// What the log calls the session and the audio; neither names anything that is read.
  let session: String?
  let audioName: String?

  static let imageLimit = 200
  static let secondsRange = 0.1...60.0
  /// Containers that hold H.264 and AAC.
  static let extensions: Set<String> = ["mp4", "m4v", "mov", "mkv"]

  private static let members: Set<String> = [
    "images", "audio", "duration", "transition", "resolution", "output", "session", "audio_name",
  ]

  /// Throws all faults of the payload at once.
  init(_ payload: JSONText) throws(PayloadFaults) {
    var reader = try PayloadReader(payload, members: Self.members)
    let images = Self.images(&reader)
    let hasAudio = reader.root["audio"].map { !$0.isNull } ?? false
    let audio = hasAudio ? reader.reference("audio") : nil
    let seconds = Self.seconds(&reader)
    let transition = Self.transition(&reader)
    let size = Self.size(&reader)
    let output = reader.output(of: Self.extensions, standard: ArtifactName("output.mp4"))
    session = reader.shortText("session")
    audioName = reader.shortText("audio_name")
    try reader.check()
    guard let seconds, let transition, let size, let output else {
      preconditionFailure("a member that cannot be read is a fault")
    }
    self.images = images
    self.audio = audio
    self.seconds = seconds
    self.transition = transition
    self.size = size
    self.output = output
  }

  private static func images(_ reader: inout PayloadReader) -> [InputReference] {
    guard let values = reader.root["images"]?.array, (1...imageLimit).contains(values.count) else {
      reader.note(PayloadFault("/images", "must be a list of 1 to \(imageLimit) inputs"))
      return []
    }
    return values.enumerated().compactMap { index, value in
      reader.take { () throws(PayloadFault) in try PayloadReader.reference(value, at: "/images/\(index)") }
    }
  }

  private static func seconds(_ reader: inout PayloadReader) -> Double? {
    guard let value = reader.root["duration"] else { return 3 }
    return reader.take { () throws(PayloadFault) in
      guard let seconds = value.double, secondsRange.contains(seconds) else {
        throw PayloadFault("/duration", "must be a number of seconds from 0.1 to 60")
      }
      return seconds
    }
  }

  private static func transition(_ reader: inout PayloadReader) -> SlideshowTransition? {
    guard let value = reader.root["transition"], !value.isNull else { return SlideshowTransition.none }
    return reader.take { () throws(PayloadFault) in
      guard let transition = value.string.flatMap(SlideshowTransition.init(rawValue:)) else {
        let words = SlideshowTransition.allCases.map(\.rawValue).joined(separator: ", ")
        throw PayloadFault("/transition", "must be one of \(words)")
      }
      return transition
    }
  }

  private static func size(_ reader: inout PayloadReader) -> PictureSize? {
    guard let value = reader.root["resolution"] else { return PictureSize(width: 1920, height: 1080) }
    return reader.take { () throws(PayloadFault) in
      guard let size = value.string.flatMap({ PictureSize($0) }) else {
        throw PayloadFault("/resolution", "must be WIDTHxHEIGHT, even numbers from 16 to 7680")
      }
      return size
    }
  }
}

/// The size of a picture in pixels, as video is coded: both sides even.
struct PictureSize: Hashable, CustomStringConvertible {
  let width: Int
  let height: Int

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  /// Reads `1920x1080`; nil for anything else, for odd sides and for sides out of 16…7680.
  init?(_ text: String) {
    guard let match = text.wholeMatch(of: /([0-9]{2,4})x([0-9]{2,4})/), let width = Int(match.1),
      let height = Int(match.2),
      [width, height].allSatisfy({ (16...7680).contains($0) && $0.isMultiple(of: 2) })
    else { return nil }
    self.init(width: width, height: height)
  }

  var description: String { "\(width)x\(height)" }
}
