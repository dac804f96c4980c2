import EventLoop
import Foundation
import Gateway
import Jobs
import Logging

/// From a configuration to a running process, and back to nothing in good order.
struct Bootstrap {
  private let configuration: Configuration
  private let state: StateFolder
  private let keys: KeyStore
  private let composition: Composition
  // Made when it is needed: what it writes to is not chosen before the first of the commands' steps.
  private var log: Logger { Logger(label: "fanfare") }
  private let say: @Sendable (String) -> Void

  /// `say` tells the start and the end, to whoever started the process.
  init(
    _ configuration: Configuration, environment: [String: String],
    composition: Composition = .standard,
    say: @escaping @Sendable (String) -> Void = Terminal.say
  ) {
    self.configuration = configuration
    state = StateFolder(configuration, environment: environment)
    keys = KeyStore(configuration, environment: environment)
    self.composition = composition
    self.say = say
  }

  /// Runs the gateway and its workers until a signal ends them.
  func serve() async throws {
    LogOutput.install(configuration.log)
    try state.create()
    let (stop, reload, control) = await EventLoop.run { [state, log] in
      let reload = ReloadSignal(SIGHUP)
      var control: ControlSocket?
      do throws(CommandFailure) {
        control = try ControlSocket(in: state) { conversation in
          Task { @EventLoop in
            await reload.receive()
            conversation.done("The keys were read anew; all else needs a restart.")
          }
        }
      } catch {
        log.warning("fanfare reload will not find this process", metadata: ["error": "\(error)"])
      }
      return (StopSignal(SIGTERM, SIGINT), reload, control)
    }
    do { try await serve(until: stop, reload: reload) } catch {
      await EventLoop.run { control?.close() }
      throw error
    }
    await EventLoop.run { control?.close() }
  }

  /// The order of the start: the broker, the gateway, and only then workers, whose first events have
  /// readers. The end goes the other way, but the gateway shows itself unready first.
  ///
  /// `announce` gets what there is to say when it serves; without it that is said. `whenWorkIsDone` is called at
  /// the end when no job runs here any more, and returns when the sockets may be asked away.
  func serve(
    until stop: StopSignal, reload: ReloadSignal? = nil, announce: (@Sendable ([String]) async -> Void)? = nil,
    whenWorkIsDone: (@Sendable () async -> Void)? = nil
  ) async throws {
    try state.create()
    let broker = try await composition.broker(configuration, state)
    let backups: BackupKeeper
    let upkeep: any RunningUpkeep
    let mark = configuration.leads ? RunMark(in: state) : nil
    do {
      if configuration.backup.restore, configuration.leads { try await restore(into: broker) }
      backups = try await keeper(of: broker)
      // What a shared broker holds a crash of this process has not touched.
      if mark?.isLeftOver == true, configuration.broker.keepsJobsHere { await backUpAfterCrash(backups) }
      upkeep = try await composition.upkeep(configuration, state, broker)
    } catch {
      await broker.close()
      throw error
    }
    mark?.set()
    do {
      let gateway = try await composition.gateway(configuration, state, keys, broker, backups)
      var workers: (any RunningWorkers)?
      do {
        if configuration.ownWorkers > 0 {
          workers = try await composition.workers(configuration, state, broker)
        }
        await EventLoop.run { reload?.perform = { [weak gateway] in await gateway?.reload() } }
        let lines = try await banner(gateway, workers)
        if let announce { await announce(lines) } else { for line in lines { say(line) } }
      } catch {
        // What runs already ends at once, and in order too: a server is not just let go.
        await workers?.drain(within: .zero)
        await gateway.drain(within: .zero)
        throw error
      }
      await stop.wait()
      let notice = await EventLoop.run { [configuration] in
        if stop.isHandOver {
          gateway.stopListening()
          return Duration.zero
        }
        gateway.stopAdmitting()
        return configuration.gateway.drainNotice
      }
      say("Ending: readiness fails, running jobs are finished or given back. Again to end at once.")
      // Until it is over, whoever asks is answered that the gateway goes.
      async let noticed: Void = EventLoop.pause(for: notice)
      // Workers first: whoever watches a job here still sees how it ends.
      await workers?.drain(within: configuration.workers.drain)
      await whenWorkIsDone?()
      await noticed
      await gateway.drain(within: configuration.gateway.drain)
    } catch {
      await upkeep.stop()
      await backUpLast(backups)
      await broker.close()
      mark?.clear()
      throw error
    }
    await upkeep.stop()
    // A process that another has taken the place of is not the end of anything.
    if await !stop.isHandOver { await backUpLast(backups) }
    await broker.close()
    mark?.clear()
    say("Ended.")
  }

  /// Backs the broker up when asked from now on, and on time if that is wanted.
  private func keeper(of broker: any Broker) async throws -> BackupKeeper {
    let interval = configuration.backup.interval
    return try await keeper(of: broker, every: interval > .zero && configuration.leads ? interval : nil)
  }

  private func keeper(of broker: any Broker, every interval: Duration?) async throws -> BackupKeeper {
    let folder = configuration.backup.folder.isEmpty ? state.backups : configuration.backup.folder
    let kept = configuration.backup.keep
    let payloads = try Composition.payloads(configuration, state)
    return await EventLoop.run {
      BackupKeeper(
        of: broker, payloads, in: folder, every: interval, keeping: kept,
        logger: Logger(label: "fanfare.backup"))
    }
  }

  /// Takes the newest backup in, if the broker is empty. A gateway that has none to take in serves all the same.
  private func restore(into broker: any Broker) async throws {
    let keeper = try await keeper(of: broker, every: nil)
    do {
      guard let (summary, report) = try await keeper.restoreNewest() else { return }
      say("Restored \(report.restored) entries of \(summary.path).")
    } catch {
      log.error("no backup could be taken in at the start", metadata: ["error": "\(error)"])
    }
  }

  /// The end before this start was no end in order: what it left is saved before anything is done to it.
  private func backUpAfterCrash(_ keeper: BackupKeeper) async {
    log.warning("the last process did not end in order")
    do { try await keeper.backUp() } catch {
      log.error("what a crash left could not be backed up", metadata: ["error": "\(error)"])
    }
  }

  /// One more backup at the end, whatever the end is.
  private func backUpLast(_ keeper: BackupKeeper) async {
    await EventLoop.run { keeper.stop() }
    guard configuration.leads else { return }
    do { try await keeper.backUp() } catch {
      log.error("the broker could not be backed up at the end", metadata: ["error": "\(error)"])
    }
  }

  /// Runs workers alone until a signal ends them.
  func work() async throws {
    LogOutput.install(configuration.log)
    let stop = await EventLoop.run { StopSignal(SIGTERM, SIGINT) }
    try await work(until: stop)
  }

  func work(until stop: StopSignal) async throws {
    try state.create()
    var configuration = configuration
    // Only gateways accept anything: workers wait for the broker's return.
    configuration.broker.fallback = .reject
    let broker = try await composition.broker(configuration, state)
    let upkeep: any RunningUpkeep
    do { upkeep = try await composition.upkeep(configuration, state, broker) } catch {
      await broker.close()
      throw error
    }
    do {
      let workers = try await composition.workers(configuration, state, broker)
      // Told to stop through the API, a process that only works ends; its supervisor may start another.
      await EventLoop.run { workers.whenStopped = { stop.receive() } }
      say(
        """
        Fanfare \(Fanfare.version) works: \(await describe(workers)), broker \
        \(configuration.broker.publicURL)
        """)
      for api in configuration.legacyAPIs {
        for line in api.workerGreeting(configuration.broker.publicURL) { say(line) }
      }
      await stop.wait()
      say("Ending: running jobs are finished or given back. Again to end at once.")
      await workers.drain(within: configuration.workers.drain)
    } catch {
      await upkeep.stop()
      await broker.close()
      throw error
    }
    await upkeep.stop()
    await broker.close()
    say("Ended.")
  }

  /// What one needs to know to use what was started.
  private func banner(
    _ gateway: any RunningGateway, _ workers: (any RunningWorkers)?
  ) async throws -> [String] {
    let address = await address(of: gateway)
    var lines = [
      "Fanfare \(Fanfare.version) serves \(address.url("/"))",
      "  page    \(address.url("/"))",
      "  socket  \(address.url(ServerAddress.socketPath).replacing(/^http/, with: "ws"))",
      "  broker  "
        + (configuration.broker.isEmbedded
          ? "embedded, in \(state.path)" : configuration.broker.publicURL),
    ]
    if let workers { lines.append("  workers \(await describe(workers))") }
    for mount in configuration.legacyMounts {
      let api = mount.api
      lines.append("  older   \(api.name) at \(legacyAddress(of: api, beside: address))")
      let redis = configuration.broker.isEmbedded ? nil : configuration.broker.publicURL
      lines += api.greeting(redis, mount.isSynchronous, legacyAddress(of: api, beside: address))
        .map { "          \($0)" }
    }
    if configuration.isDevelopment {
      let token = try DevelopmentToken.make(with: try keys.developmentKey(), configuration)
      lines.append("  token   \(token)")
      lines.append(
        "          (user \(DevelopmentToken.user), one hour; another: fanfare token\(folderHint) --user NAME)")
    }
    return lines
  }

  /// Where an older system's callers find it.
  private func legacyAddress(of api: LegacyAPI, beside address: ServerAddress) -> String {
    let section = configuration[legacy: api.name]
    guard section.port != 0 else { return address.url(section.prefix) }
    let host = ["0.0.0.0", "::"].contains(configuration.gateway.host) ? "127.0.0.1" : configuration.gateway.host
    return "http://\(host.contains(":") ? "[\(host)]" : host):\(section.port)\(section.prefix)"
  }

  /// What a command line needs to find this gateway's key.
  private var folderHint: String {
    let folder = configuration.broker.folder
    return folder.isEmpty ? "" : " --folder \(URL(fileURLWithPath: folder).path.shellQuoted)"
  }

  private func address(of gateway: any RunningGateway) async -> ServerAddress {
    if let address = ServerAddress(configuration.gateway.publicURL) { return address }
    let port = await EventLoop.run { gateway.port }
    let host = configuration.gateway.host
    // An address that stands for all of them cannot be opened: this machine's own can.
    let shown = ["0.0.0.0", "::"].contains(host) ? "127.0.0.1" : host
    let authority = shown.contains(":") ? "[\(shown)]:\(port)" : "\(shown):\(port)"
    guard let address = ServerAddress("http://\(authority)") else {
      preconditionFailure("a gateway listens on a host that is no host")
    }
    return address
  }

  private func describe(_ workers: any RunningWorkers) async -> String {
    let kinds = await EventLoop.run { workers.kinds }
    let slots = configuration.workers.embedded
    return "\(slots) \(slots == 1 ? "slot" : "slots") for \(kinds.joined(separator: ", ")), "
      + "queues \(configuration.servedQueues.joined(separator: ", "))"
  }
}
