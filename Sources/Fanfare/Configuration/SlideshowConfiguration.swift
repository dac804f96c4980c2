import Jobs

/// `[workers.slideshow]`: the kind `slideshow`, run with the programs of `[workers.ffmpeg]`.
struct SlideshowConfiguration: ConfigurationSection {
  var enabled = true
  var timeout = Duration.seconds(600)
  var queue = ""

  static let settings: [Setting<Self>] = [
    Setting("enabled", \.enabled),
    Setting(positive: "timeout", \.timeout),
    Setting("queue", \.queue, wanted: "a queue's name, or \"\"") { $0.isEmpty || QueueName($0) != nil },
  ]
}
