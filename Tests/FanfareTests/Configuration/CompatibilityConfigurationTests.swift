import Foundation
import Gateway
import Logging
import Testing

@testable import Fanfare

@Suite("Older systems in the configuration") struct CompatibilityConfigurationTests {
  private func load(_ environment: [String: String], enabling names: String...) throws -> Configuration {
    var environment = environment
    for name in names { environment["FANFARE_COMPATIBILITY_\(name.uppercased())_ENABLED"] = "true" }
    return try ConfigurationFile.load(path: nil, environment: environment)
  }

  @Test("are served when they are enabled, each in its place")
  func mounts() throws {
    #expect(Configuration().legacyMounts.isEmpty)
    let configuration = try load(
      ["FANFARE_COMPATIBILITY_CLIPFORGE_PORT": "8123", "FANFARE_COMPATIBILITY_DEMUCS_PREFIX": "/old"],
      enabling: "clipforge", "demucs")
    let mounts = configuration.legacyMounts
    #expect(mounts.map(\.api.name) == ["demucs", "clipforge"])
    #expect(mounts.map(\.prefix) == ["/old", "/api"])
    #expect(mounts.map(\.listener) == [nil, "clipforge"])
    #expect(configuration.places.map(\.name) == ["clipforge", nil])
    #expect(configuration.places.map(\.port) == [8123, 8000])
  }

  @Test("have their queues served before those that nobody named, and in the order that was named")
  func queues() throws {
    let video = try load([:], enabling: "video_generator")
    #expect(video.servedQueues == ["video_generation", "default"])
    let named = try load(["FANFARE_WORKERS_QUEUES": "default,video_generation"], enabling: "video_generator")
    #expect(named.servedQueues == ["default", "video_generation"])
  }

  @Test("have their queues served where their kinds of jobs are run, and left to others where they are not")
  func kinds() throws {
    #expect(try load([:], enabling: "demucs", "ffmpeg_api", "clipforge").servedQueues == ["ffmpeg", "default"])
    let demucs = try load(["FANFARE_WORKERS_DEMUCS_ENABLED": "true"], enabling: "demucs")
    #expect(demucs.servedQueues == ["demucs", "default"])
    let none = try load(["FANFARE_WORKERS_FFMPEG_ENABLED": "false"], enabling: "ffmpeg_api")
    #expect(none.servedQueues == ["default"])
    var commands = try load([:], enabling: "transcription", "clipforge")
    #expect(commands.servedQueues == ["default"])
    commands.workers.commands = ["transcription", "render"].map {
      var command = CommandKindConfiguration()
      command.name = $0
      return command
    }
    #expect(commands.servedQueues == ["transcription", "render", "default"])
  }

  @Test("are told where none is meant")
  func unknown() {
    var file = ConfigurationFile()
    file.read("[compatibility.demux]\nenabled = true", from: "config.toml")
    #expect(file.faults.map(\.key) == ["compatibility.demux"])
    #expect(file.faults.map(\.wanted) == ["perhaps compatibility.demucs"])
  }

  @Test("have the environment that their operators know, while they are served")
  func environment() throws {
    let environment = [
      "REDIS_URL": "redis://cache:6379", "PORT": "5050", "NUM_WORKERS": "4", "LOG_LEVEL": "DEBUG",
      "BACKUP_INTERVAL": "120", "MAX_PROCESSING_TIME": "1800",
    ]
    #expect(try load(environment) == Configuration())
    let video = try load(environment, enabling: "video_generator")
    #expect(video.broker.url == "redis://cache:6379")
    #expect(video.gateway.port == 5050)
    #expect(video.workers.embedded == 2)
    let ffmpeg = try load(environment, enabling: "ffmpeg_api")
    #expect(ffmpeg.workers.embedded == 4)
    #expect(ffmpeg.log.level == .debug)
    let transcription = try load(environment, enabling: "transcription")
    #expect(transcription.backup.interval == .seconds(120))
    #expect(transcription.legacyMounts.first?.timeout == .seconds(1800))
    #expect(transcription.broker.url == "redis://cache:6379")
  }

  @Test("have Redis from three names, as ClipForge has it")
  func clipForge() throws {
    #expect(try load([:], enabling: "clipforge").broker.isEmbedded)
    #expect(try load(["REDIS_HOST": "cache"], enabling: "clipforge").broker.url == "redis://cache:6379/1")
    let all = ["REDIS_HOST": "cache", "REDIS_PORT": "6380", "QUEUE_REDIS_DB": "3"]
    #expect(try load(all, enabling: "clipforge").broker.url == "redis://cache:6380/3")
  }

  @Test("have names of ours over those their operators know, and tell what is wrong with these by their names")
  func order() throws {
    let both = ["PORT": "5050", "FANFARE_GATEWAY_PORT": "6060"]
    #expect(try load(both, enabling: "video_generator").gateway.port == 6060)
    do {
      _ = try load(["NUM_WORKERS": "many"], enabling: "ffmpeg_api")
      Issue.record("a word passed for a number")
    } catch let error as ConfigurationFaults {
      #expect(error.faults.map(\.source) == ["NUM_WORKERS"])
    }
  }

  @Test("submit and wait where there is no Redis, and where that is wanted")
  func synchrony() throws {
    func mode(_ environment: [String: String]) throws -> Bool? {
      try load(environment, enabling: "video_generator").legacyMounts.first?.isSynchronous
    }
    #expect(try mode([:]) == true)
    #expect(try mode(["REDIS_URL": "redis://cache"]) == false)
    #expect(try mode(["FANFARE_COMPATIBILITY_VIDEO_GENERATOR_SYNCHRONOUS": "never"]) == false)
    #expect(try load([:], enabling: "demucs").legacyMounts.first?.isSynchronous == false)
    #expect(!Configuration.tables.first { $0.name == "compatibility.demucs" }!.keys.contains("synchronous"))
  }

  @Test("are told where two of them, or one and the gateway, want one place")
  func contradictions() throws {
    func faults(_ environment: [String: String], _ names: String...) -> [String] {
      var environment = environment
      for name in names { environment["FANFARE_COMPATIBILITY_\(name.uppercased())_ENABLED"] = "true" }
      do throws(ConfigurationFaults) {
        _ = try ConfigurationFile.load(path: nil, environment: environment)
        return []
      } catch { return error.faults.map(\.key) }
    }
    #expect(faults([:], "demucs", "video_generator", "ffmpeg_api", "transcription", "clipforge") == [])
    #expect(faults(["FANFARE_COMPATIBILITY_DEMUCS_PORT": "8000"], "demucs") == ["compatibility.demucs.port"])
    #expect(faults(["FANFARE_COMPATIBILITY_DEMUCS_PREFIX": "old/"]) == ["compatibility.demucs.prefix"])
    #expect(faults(["FANFARE_COMPATIBILITY_DEMUCS_SUNSET": "soon"]) == ["compatibility.demucs.sunset"])
    let metrics = ["FANFARE_METRICS_PORT": "8000"]
    #expect(faults(metrics) == ["metrics.port"])
    #expect(faults(metrics.merging(["FANFARE_GATEWAY_PORT": "0"]) { $1 }) == [])
    let both = ["FANFARE_COMPATIBILITY_DEMUCS_PORT": "9100", "FANFARE_METRICS_PORT": "9100"]
    #expect(faults(both, "demucs") == ["compatibility.demucs.port"])
    // A Unix socket has no ports, and what stands there means nothing.
    let unix = [
      "FANFARE_GATEWAY_HOST": "unix:/run/fanfare", "FANFARE_ADMISSION_JWKS_URL": "https://keys.example.com/jwks",
    ]
    #expect(faults(metrics.merging(unix) { $1 }) == [])
    #expect(faults(both.merging(unix) { $1 }, "demucs") == ["compatibility.demucs.port"])
    #expect(
      faults(unix.merging(["FANFARE_METRICS_PORT": "1", "FANFARE_METRICS_HOST": "unix:/run/fanfare"]) { $1 })
        == ["metrics.host"])
    let world = [
      "FANFARE_GATEWAY_HOST": "0.0.0.0", "FANFARE_COMPATIBILITY_DEMUCS_USER": "legacy",
      "FANFARE_ADMISSION_JWKS_URL": "https://keys.example.com/jwks",
    ]
    #expect(faults(world, "demucs") == ["compatibility.demucs.user"])
  }

  @Test("say what their services said when they started")
  func greetings() throws {
    let video = try #require(LegacyAPI.all.first { $0.name == "video_generator" })
    #expect(
      video.greeting("redis://localhost:6379", false, "http://0.0.0.0:5000") == [
        "Connected to Redis Queue: redis://localhost:6379", "Server starting at: http://0.0.0.0:5000",
      ])
    #expect(
      video.greeting(nil, true, "http://0.0.0.0:5000").first
        == "No REDIS_URL found - running without queue (synchronous mode)")
    // What is said is so: `synchronous` may be set otherwise.
    #expect(video.greeting(nil, false, "http://0.0.0.0:5000") == ["Server starting at: http://0.0.0.0:5000"])
    #expect(
      video.greeting("redis://localhost:6379", true, "http://0.0.0.0:5000").first
        == "Running without queue (synchronous mode)")
    #expect(video.workerGreeting("redis://localhost:6379").last == "Listening on queues: video_generation, default")
  }
}
