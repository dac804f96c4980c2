import Jobs

/// `[workers.demucs]`: the kind `demucs`.
struct DemucsConfiguration: ConfigurationSection {
  var enabled = false
  var program = "demucs"
  var probe = "ffprobe"
  var model = "htdemucs"
  var device = ""
  var models = ""
  var queue = "demucs"
  var maxConcurrent = 2

  static let settings: [Setting<Self>] = [
    Setting("enabled", \.enabled),
    Setting("program", \.program, wanted: "a program's name or path") { !$0.isEmpty },
    Setting("probe", \.probe, wanted: "a program's name or path") { !$0.isEmpty },
    // It is a folder of the output too.
    Setting("model", \.model, wanted: "a model's name, like \"htdemucs\"") {
      $0.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9_.-]{0,63}/) != nil
    },
    Setting("device", \.device, wanted: "a device, like \"cpu\" or \"cuda:0\", or \"\"") {
      $0.wholeMatch(of: /[a-z0-9:]{0,16}/) != nil
    },
    Setting("models", \.models, wanted: "a folder's absolute path, or \"\"") { $0.isEmpty || $0.hasPrefix("/") },
    Setting("queue", \.queue, wanted: "a queue's name") { QueueName($0) != nil },
    Setting("max_concurrent", \.maxConcurrent, in: 1...1024),
  ]
}
