import EventLoop
import Foundation
import Jobs
import Logging
import Workers

/// The workers of this process.
@EventLoop
final class WorkerNode: RunningWorkers {
  let kinds: [String]
  var whenStopped: (@EventLoop () -> Void)? {
    get { pool.whenStopped }
    set { pool.whenStopped = newValue }
  }
  private let pool: WorkerPool
  private let provisioning: Task<Void, Never>

  private init(pool: WorkerPool, kinds: [String], provisioning: Task<Void, Never>) {
    self.pool = pool
    self.kinds = kinds
    self.provisioning = provisioning
  }

  /// Starts workers that take jobs at once.
  static func start(
    _ configuration: Configuration, _ state: StateFolder, _ broker: any Broker
  ) async throws -> WorkerNode {
    let logger = Logger(label: "fanfare.workers")
    let registry = try WorkerRegistry(configuration)
    let id = WorkerID.generated()
    let pool = WorkerPool(
      broker: broker, registry: registry, store: try Composition.store(configuration, state),
      configuration: WorkerPool.Configuration(configuration), id: id,
      orphanGuard: OrphanGuard(of: id, logger: logger), logger: logger)
    let provisions = configuration.workers.provisions
    let provisioning = await provide(provisions, in: broker, logger)
    pool.start()
    return WorkerNode(pool: pool, kinds: registry.kinds.map(\.description), provisioning: provisioning)
  }

  /// Sets the kinds' queues before their jobs are taken. With a broker that cannot be reached yet the start does not
  /// wait for it: the queues are set as soon as it can.
  private static func provide(
    _ provisions: [QueueProvision], in broker: any Broker, _ logger: Logger
  ) async -> Task<Void, Never> {
    var open: [QueueProvision] = []
    for provision in provisions {
      do throws(BrokerError) { try await provision.make(in: broker) } catch { open.append(provision) }
    }
    return Task { @EventLoop [open] in
      for provision in open { await provision.makeWhenReachable(in: broker, logger) }
    }
  }

  func drain(within time: Duration) async {
    provisioning.cancel()
    await pool.drain(grace: time)
  }
}

extension WorkerPool.Configuration {
  init(_ configuration: Configuration) {
    let workers = configuration.workers
    self.init(
      queues: configuration.servedQueues.compactMap { QueueName($0) }, slots: max(1, configuration.ownWorkers),
      timing: LeaseTiming(lease: configuration.broker.lease),
      killGrace: workers.killGrace, stopGrace: workers.drain, version: Fanfare.version)
  }
}

extension WorkerRegistry {
  /// The kinds that are configured. Throws ``CommandFailure`` for a command that cannot be one.
  init(_ configuration: Configuration) throws {
    self.init()
    let ffmpeg = configuration.workers.ffmpeg
    let inputs = InputFetcher(
      InputFetcher.Limits(
        allowsPrivateAddresses: ffmpeg.allowPrivateAddresses, size: ffmpeg.maxInput.bytes))
    if ffmpeg.enabled {
      register(
        FFmpegWorker(
          MediaSettings(
            ffmpeg: ffmpeg.program, ffprobe: ffmpeg.probe, timeout: ffmpeg.timeout, probeTimeout: ffmpeg.probeTimeout,
            outputLimit: configuration.artifacts.maxSize.bytes, inputs: inputs)))
    }
    let slideshow = configuration.workers.slideshow
    if slideshow.enabled {
      register(
        SlideshowWorker(
          MediaSettings(
            ffmpeg: ffmpeg.program, ffprobe: ffmpeg.probe, timeout: slideshow.timeout,
            probeTimeout: ffmpeg.probeTimeout, outputLimit: configuration.artifacts.maxSize.bytes, inputs: inputs)))
    }
    let demucs = configuration.workers.demucs
    if demucs.enabled {
      for (key, program) in [("program", demucs.program), ("probe", demucs.probe)]
      where ChildCommand.location(of: program) == nil {
        throw CommandFailure(
          description: "workers.demucs.\(key): there is no program \"\(program)\" here; install it, give its path, or "
            + "set workers.demucs.enabled to false")
      }
      register(
        DemucsWorker(
          DemucsWorker.Configuration(
            demucs: demucs.program, ffprobe: demucs.probe, model: demucs.model, device: demucs.device,
            models: demucs.models.isEmpty ? DemucsConfiguration.torchFolder() : demucs.models,
            probeTimeout: ffmpeg.probeTimeout, inputs: inputs)))
    }
    for command in configuration.workers.commands {
      guard let kind = JobKind(command.name) else {
        throw CommandFailure(description: "\"\(command.name)\" is no name of a kind")
      }
      do throws(CommandConfigurationError) {
        register(
          try CommandWorker(
            CommandWorker.Configuration(
              kind: kind, program: command.program, arguments: command.arguments,
              payload: command.payloadDelivery, progress: command.progressForm, result: command.resultForm,
              successExitCodes: Set(command.successExitCodes.map(Int32.init)),
              timeout: command.timeout, inputs: inputs)))
      } catch {
        throw CommandFailure(description: "workers.commands \(command.name): \(error)")
      }
    }
  }
}

extension DemucsConfiguration {
  /// Where torch keeps models for whoever runs this process, as torch itself finds it.
  static func torchFolder(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> String {
    if let folder = environment["TORCH_HOME"], !folder.isEmpty { return folder }
    if let caches = environment["XDG_CACHE_HOME"], !caches.isEmpty { return "\(caches)/torch" }
    return "\(environment["HOME"] ?? "")/.cache/torch"
  }
}

extension CommandKindConfiguration {
  /// What the worker of this kind could not use: placeholders that there are not, a pattern that is none.
  func unusable(at key: String) -> [ConfigurationFault] {
    var faults: [ConfigurationFault] = []
    func tryOut(_ name: String, _ found: String, _ make: (inout CommandWorker.Configuration) -> Void) {
      guard let kind = JobKind("trial") else { preconditionFailure("trial is the name of a kind") }
      var configuration = CommandWorker.Configuration(kind: kind, program: "true", progress: .none)
      make(&configuration)
      do throws(CommandConfigurationError) { _ = try CommandWorker(configuration) } catch {
        faults.append(
          ConfigurationFault(key: "\(key).\(name)", found: "\"\(found)\"", wanted: error.wanted))
      }
    }
    for (index, argument) in arguments.enumerated() {
      tryOut("arguments[\(index)]", argument) { $0.arguments = [argument] }
    }
    if progress == .pattern, !pattern.isEmpty {
      tryOut("pattern", pattern) { $0.progress = progressForm }
    }
    return faults
  }

  fileprivate var progressForm: CommandProgressForm {
    switch progress {
    case .none: .none
    case .json: .jsonLines
    case .percent: .percent
    case .pattern: .pattern(pattern)
    }
  }

  fileprivate var resultForm: CommandResultForm {
    switch result {
    case .told: .told
    case .line: .line
    case .file: .file
    }
  }

  fileprivate var payloadDelivery: CommandWorker.Configuration.PayloadDelivery {
    switch payload {
    case .none: .none
    case .stdin: .standardInput
    case .file: .file
    }
  }
}

extension CommandConfigurationError {
  /// What stands in the place of the fault.
  fileprivate var wanted: String {
    switch self {
    case .unknownPlaceholder(let name, _):
      "{job.id}, {job.attempt}, {job.user}, {payload}, {payload.<member>}, {input}, {output} or {folder} in place of "
        + "{\(name)}; {{ and }} for the braces themselves"
    case .unbalancedBrace: "each brace with its partner; {{ and }} for the braces themselves"
    case .badPattern(_, let reason): "a regular expression: \(reason)"
    }
  }
}
