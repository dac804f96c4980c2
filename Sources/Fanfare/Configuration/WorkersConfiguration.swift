import Jobs

/// `[workers]`: who runs the jobs.
struct WorkersConfiguration: ConfigurationSection {
  var embedded = 2
  var queues = ["default"]
  var drain = Duration.seconds(20)
  var killGrace = Duration.seconds(5)
  var ffmpeg = FFmpegConfiguration()
  var slideshow = SlideshowConfiguration()
  var demucs = DemucsConfiguration()
  var commands: [CommandKindConfiguration] = []

  static let settings: [Setting<Self>] = [
    Setting("embedded", \.embedded, in: 0...1024),
    Setting("queues", \.queues, wanted: "a list of queue names, at least one") {
      !$0.isEmpty && $0.allSatisfy { QueueName($0) != nil }
    },
    Setting("drain", \.drain),
    Setting("kill_grace", \.killGrace),
  ]

  /// The queues that jobs are taken from: those of the kinds after those that are named.
  var served: [String] {
    let own = (slideshow.enabled ? [slideshow.queue] : []) + (demucs.enabled ? [demucs.queue] : [])
    return (own + commands.map(\.queue)).reduce(into: queues) {
      if !$1.isEmpty, !$0.contains($1) { $0.append($1) }
    }
  }

  /// The names of the kinds that are no commands.
  var builtInKinds: [String] {
    (ffmpeg.enabled ? ["ffmpeg"] : []) + (slideshow.enabled ? ["slideshow"] : []) + (demucs.enabled ? ["demucs"] : [])
  }
}

/// `[workers.ffmpeg]`: the kind `ffmpeg`.
struct FFmpegConfiguration: ConfigurationSection {
  var enabled = true
  var program = "ffmpeg"
  var probe = "ffprobe"
  var allowPrivateAddresses = false
  var timeout = Duration.seconds(3600)
  var probeTimeout = Duration.seconds(30)
  var maxInput = ByteCount.gibibytes(4)

  static let settings: [Setting<Self>] = [
    Setting("enabled", \.enabled),
    Setting("program", \.program, wanted: "a program's name or path") { !$0.isEmpty },
    Setting("probe", \.probe, wanted: "a program's name or path") { !$0.isEmpty },
    Setting("allow_private_addresses", \.allowPrivateAddresses),
    Setting(positive: "timeout", \.timeout),
    Setting(positive: "probe_timeout", \.probeTimeout),
    Setting("max_input", \.maxInput, wanted: "a size of at least \"1KiB\"") {
      $0 >= .kibibytes(1)
    },
  ]
}

/// `[[workers.commands]]`: a kind that runs a program.
struct CommandKindConfiguration: ConfigurationSection {
  /// How the program tells how far it is.
  enum ProgressFormat: String, Sendable, CaseIterable, ConfigurationConvertible {
    /// It does not.
    case none
    /// A JSON object a line.
    case json
    /// The last `NN%` of a line.
    case percent
    /// What the named groups of `pattern` find in a line.
    case pattern
  }

  /// How the program gets the job's payload.
  enum PayloadDelivery: String, Sendable, CaseIterable, ConfigurationConvertible {
    /// Only through placeholders in its arguments.
    case none
    /// As JSON on its standard input.
    case stdin
    /// As JSON in the file that FANFARE_PAYLOAD names.
    case file
  }

  /// Where the program's result is.
  enum ResultForm: String, Sendable, CaseIterable, ConfigurationConvertible {
    /// In a line `{"result":…}`, where progress is "json".
    case told
    /// The last line of its output that is a JSON object.
    case line
    /// The file result.json that it leaves in its output folder.
    case file
  }

  var name = ""
  var program = ""
  var arguments: [String] = []
  var payload = PayloadDelivery.none
  var progress = ProgressFormat.none
  var pattern = ""
  var result = ResultForm.told
  var timeout = Duration.seconds(3600)
  var queue = "default"
  var successExitCodes = [0]

  static let settings: [Setting<Self>] = [
    Setting("name", \.name, wanted: "a kind's name, like \"transcribe\"") { JobKind($0) != nil },
    Setting("program", \.program, wanted: "a program's name or path") { !$0.isEmpty },
    Setting("arguments", \.arguments),
    Setting("payload", \.payload),
    Setting("progress", \.progress),
    Setting("pattern", \.pattern),
    Setting("result", \.result),
    Setting(positive: "timeout", \.timeout),
    Setting("queue", \.queue, wanted: "a queue's name") { QueueName($0) != nil },
    Setting(
      "success_exit_codes", \.successExitCodes,
      wanted: "a list of exit codes from 0 to 255, at least one"
    ) { !$0.isEmpty && $0.allSatisfy((0...255).contains) },
  ]
}
