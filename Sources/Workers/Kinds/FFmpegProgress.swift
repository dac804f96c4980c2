import Jobs

/// Reads what ffmpeg writes with `-progress`: blocks of `key=value` lines, each closed by `progress=`.
struct FFmpegProgress {
  /// One block.
  struct Update: Equatable {
    var frame: Int?
    var framesPerSecond: Double?
    /// How much of the output's time is made.
    var time: Duration?
    var bytes: Int?
    /// Output seconds a second.
    var speed: Double?
    var isLast = false
  }

  private var update = Update()

  /// Takes a line; answers with the block that it closes. Lines of other forms are passed over.
  mutating func feed(_ line: String) -> Update? {
    guard let equals = line.firstIndex(of: "=") else { return nil }
    let value = line[line.index(after: equals)...].trimming { $0 == " " }
    switch line[..<equals] {
    case "frame": update.frame = Int(value)
    case "fps": update.framesPerSecond = Double(value)
    case "out_time_us": update.time = Int64(value).map { .microseconds(max($0, 0)) }
    case "total_size": update.bytes = Int(value)
    case "speed": update.speed = value.hasSuffix("x") ? Double(value.dropLast()) : nil
    case "progress":
      update.isLast = value == "end"
      defer { update = Update() }
      return update
    default: break
    }
    return nil
  }
}

extension FFmpegProgress.Update {
  /// What clients are told; `expected` is the length of the output, where it is known.
  func progress(of expected: Duration?) -> Progress {
    var percent: Double?
    var remaining: Double?
    if let expected, expected > .zero, let time {
      percent = min(time / expected * 100, 99.9)
      if let speed, speed > 0 { remaining = max((expected - time) / .seconds(1) / speed, 0) }
    }
    var details = JSONWriter()
    details.object { object in
      object.member("frame", frame)
      object.member("fps", number: framesPerSecond)
      object.member("speed", number: speed)
      object.member("eta_seconds", remaining.map { Int($0.rounded(.up)) })
      object.member("bytes", bytes)
    }
    return Progress(
      percent: percent, stage: "encoding", message: frame.map { "frame \($0)" },
      details: details.text)
  }
}

extension Substring {
  /// Without the leading and trailing characters that `isDropped` names.
  func trimming(_ isDropped: (Character) -> Bool) -> Substring {
    var rest = self
    while let first = rest.first, isDropped(first) { rest.removeFirst() }
    while let last = rest.last, isDropped(last) { rest.removeLast() }
    return rest
  }
}
