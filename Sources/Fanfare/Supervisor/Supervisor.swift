import EventLoop
import Foundation
import Gateway
import Logging

/// Keeps a process on each seat, and serves nothing itself.
///
/// The listening sockets are its own and outlive every process: who connects while a process is replaced or has died
/// waits in the socket's queue and is refused by nobody.
@EventLoop
final class Supervisor {
  private let command: SeatedProcess.Command
  private let configuration: Configuration
  private let sockets: SeatSockets
  /// Where processes that replace others are to listen.
  private var places: [ListeningPlace] = []
  /// Reads the configuration as it is now.
  private let load: @EventLoop () throws -> Configuration
  private let say: @Sendable (String) -> Void
  private let logger = Logger(label: "fanfare.supervisor")
  private var state: SupervisorState
  private var processes: [Int: SeatedProcess] = [:]
  private var nodes: [Int: String] = [:]
  private var banner: [String] = []
  private var pauses: [Int: LoopTimer] = [:]
  private var patience: [Int: LoopTimer] = [:]
  private var overdue: Set<Int> = []
  private var workLimit: LoopTimer?
  private var conversations: [ControlConversation] = []
  private var control: ControlSocket?
  private var signals: [SignalWatcher] = []
  private var ending: SupervisorState.Ending?
  private var whenEnded: LoopContinuation<SupervisorState.Ending>?

  /// How long a process that is to take another's place may take to serve.
  private static let startLimit = Duration.seconds(60)

  /// How much longer than its jobs may take a process may need to say that they are done.
  private static let workSlack = Duration.seconds(5)

  // Never let go, as its signals must not be: see StopSignal.
  private static var running: Supervisor?

  private init(
    _ configuration: Configuration, command: SeatedProcess.Command, sockets: SeatSockets,
    load: @escaping @EventLoop () throws -> Configuration, say: @escaping @Sendable (String) -> Void
  ) {
    self.configuration = configuration
    self.command = command
    self.sockets = sockets
    self.load = load
    self.say = say
    state = SupervisorState(seats: sockets.seats)
  }

  /// Serves with the configured number of processes until a signal ends them all.
  ///
  /// Throws ``CommandFailure`` where an address cannot be listened on, and what the first processes say where they
  /// cannot start. To be called once.
  static func serve(
    _ configuration: Configuration, command: SeatedProcess.Command = .own, environment: [String: String],
    say: @escaping @Sendable (String) -> Void = Terminal.say, load: @escaping @EventLoop () throws -> Configuration
  ) async throws {
    LogOutput.install(configuration.log)
    let folder = StateFolder(configuration, environment: environment)
    try folder.create()
    let sockets = try SeatSockets(at: configuration.places, seats: configuration.processCount)
    let supervisor = Supervisor(configuration, command: command, sockets: sockets, load: load, say: say)
    running = supervisor
    supervisor.listen(in: folder)
    let ending = await supervisor.untilEnded()
    supervisor.close()
    switch ending {
    case .inOrder: say("Ended.")
    case .failed(let reason):
      // What a process says of itself begins as this one would.
      throw CommandFailure(
        description: "\(reason.trimmingPrefix("fanfare: "))", status: .failed)
    }
  }

  // MARK: What it hears

  private func listen(in folder: StateFolder) {
    signals = [
      SignalWatcher(SIGCHLD) { [unowned self] in reap() },
      SignalWatcher(SIGHUP) { [unowned self] in reload(for: nil) },
    ]
    for signal in [SIGTERM, SIGINT] {
      signals.append(SignalWatcher(signal) { [unowned self] in stop(signal) })
    }
    do throws(CommandFailure) {
      control = try ControlSocket(in: folder) { [unowned self] in reload(for: $0) }
    } catch {
      logger.warning("fanfare reload will not find this process", metadata: ["error": "\(error)"])
    }
  }

  private func untilEnded() async -> SupervisorState.Ending {
    perform(state.begin())
    return await EventLoop.suspend {
      if let ending { $0.resume(returning: ending) } else { whenEnded = $0 }
    }
  }

  private var isStopping = false

  private func stop(_ signal: Int32) {
    if isStopping {
      perform(state.stop())
      // By convention 128 and the signal, as a shell reports it.
      close()
      _exit(128 + signal)
    }
    isStopping = true
    say("Ending: readiness fails, running jobs are finished or given back. Again to end at once.")
    perform(state.stop())
  }

  private func reap() {
    for (number, process) in processes.sorted(by: { $0.key < $1.key }) {
      guard let (exit, said) = process.ending() else { continue }
      processes[number] = nil
      nodes[number] = nil
      patience[number] = nil
      let isLate = overdue.remove(number) != nil
      let reason = isLate ? "it did not serve within \(Self.startLimit.written)" : said
      logger.info(
        "a process has ended",
        metadata: ["seat": "\(process.seat)", "process": "\(process.id)", "reason": "\(reason)"])
      perform(
        state.hasEnded(
          number, reason: reason, lived: .now - process.startedAt, inOrder: exit == .status(0)))
    }
  }

  private func heard(_ report: SeatReport, from number: Int) {
    switch report {
    case .ready(let node, let lines):
      patience[number] = nil
      nodes[number] = node
      if processes[number]?.seat == 0 { banner = lines }
      perform(state.isReady(number))
    case .workDone: perform(state.workIsDone(by: number))
    // It is told when the process ends.
    case .failed: break
    }
  }

  // MARK: What it does

  private func perform(_ actions: [SupervisorState.Action]) {
    for action in actions {
      switch action {
      case .start(let number, let seat): start(number, on: seat)
      case .startLater(let seat, let pause):
        logger.warning(
          "a process ends again and again; a pause is made",
          metadata: ["seat": "\(seat)", "pause": "\(pause.written)"])
        pauses[seat] = LoopTimer(after: pause) { [unowned self] in
          pauses[seat] = nil
          perform(state.startIsDue(seat: seat))
        }
      case .handOver(let number): processes[number]?.tell(.handOver)
      case .finishWork(let number): processes[number]?.tell(.finishWork)
      case .limitWork: limitWork()
      case .end(let number): processes[number]?.tell(.end)
      case .refuse: sockets.close()
      case .kill(let number): processes[number]?.kill()
      case .announce: announce()
      case .replaced(let seat): sockets.isReplaced(on: seat)
      case .reloaded(let outcome): reloaded(outcome)
      case .finish(let ending):
        self.ending = ending
        whenEnded?.resume(returning: ending)
        whenEnded = nil
      }
    }
  }

  private func start(_ number: Int, on seat: Int) {
    do throws(CommandFailure) {
      let listeners =
        state.isSuccessor(number)
        ? try sockets.listeners(ofSuccessorOn: seat, at: places) : sockets.listeners(of: seat)
      let process = try SeatedProcess(
        command, on: Seat(number: seat, count: sockets.seats, listeners: listeners),
        host: configuration.gateway.host
      ) { [weak self] in self?.heard($0, from: number) }
      processes[number] = process
      logger.info("a process was started", metadata: ["seat": "\(seat)", "process": "\(process.id)"])
      guard state.isSuccessor(number) else { return }
      patience[number] = LoopTimer(after: Self.startLimit) { [unowned self] in
        overdue.insert(number)
        processes[number]?.kill()
      }
    } catch {
      // In the next turn: the state is told of one thing at a time.
      Task { @EventLoop in
        perform(state.hasEnded(number, reason: "\(error)", lived: .zero, inOrder: false))
      }
    }
  }

  /// Jobs that are given back in order are gone by then.
  private func limitWork() {
    let workers = configuration.workers
    workLimit = LoopTimer(after: workers.drain + workers.killGrace + Self.workSlack) { [unowned self] in
      logger.warning("a process has not finished its work in time: sockets are asked away meanwhile")
      perform(state.workIsOverdue())
    }
  }

  private func close() {
    control?.close()
    sockets.close()
  }

  private func announce() {
    var lines = banner
    let names = nodes.sorted { $0.key < $1.key }.map(\.value)
    let place = lines.firstIndex { $0.hasPrefix("  broker") } ?? lines.endIndex
    lines.insert("  nodes   \(names.joined(separator: ", "))", at: place)
    for line in lines { say(line) }
  }

  // MARK: Reloads

  /// Replaces every process; the conversation, if somebody asked for it in one, hears how it goes.
  private func reload(for conversation: ControlConversation?) {
    let (wanted, running): (Configuration, Configuration)
    do {
      wanted = try load()
      running = try kept(in: wanted)
    } catch {
      let reason = "the configuration cannot be used, and nothing was changed:\n\(error)"
      logger.error("the reload failed", metadata: ["reason": "\(reason)"])
      conversation?.failed(reason)
      return
    }
    for key in restartKeys(wanted) {
      conversation?.say("\(key) needs a restart: it stays as it is")
      logger.warning("a changed key needs a restart", metadata: ["key": "\(key)"])
    }
    let actions = state.reloadIsAsked()
    if case .reloaded(.refused(let reason))? = actions.first {
      logger.warning("a reload was refused", metadata: ["reason": "\(reason)"])
      conversation?.failed(reason)
      return
    }
    places = running.places
    if let conversation { conversations.append(conversation) }
    logger.notice("every process is being replaced")
    perform(actions)
  }

  /// The keys that are changed and hold from the start only.
  private func restartKeys(_ wanted: Configuration) -> [String] {
    let (old, new) = (configuration.gateway, wanted.gateway)
    return [
      ("gateway.host", old.host == new.host), ("gateway.port", old.port == new.port),
      ("gateway.processes", old.processes == new.processes),
    ].filter { !$0.1 }.map(\.0)
  }

  /// The same as it will be in force: what needs a restart is as it was. Throws ``ConfigurationFaults`` where the rest
  /// does not go with that.
  private func kept(in wanted: Configuration) throws(ConfigurationFaults) -> Configuration {
    var running = wanted
    running.gateway.host = configuration.gateway.host
    running.gateway.port = sockets.port
    running.gateway.processes = .exactly(sockets.seats)
    let faults = running.contradictions
    guard faults.isEmpty else { throw ConfigurationFaults(faults: faults) }
    return running
  }

  private func reloaded(_ outcome: SupervisorState.ReloadOutcome) {
    defer { conversations = [] }
    switch outcome {
    case .done:
      let names = nodes.sorted { $0.key < $1.key }.map(\.value).joined(separator: ", ")
      logger.notice("every process was replaced", metadata: ["nodes": "\(names)"])
      for conversation in conversations { conversation.done("Every process was replaced: \(names).") }
    case .failed(let seat, let reason):
      sockets.isKept(on: seat)
      logger.error("the reload failed", metadata: ["seat": "\(seat)", "reason": "\(reason)"])
      for conversation in conversations {
        conversation.failed("the new process of seat \(seat) did not come to serve, the old ones go on: \(reason)")
      }
    case .refused(let reason):
      for conversation in conversations { conversation.failed(reason) }
    }
  }
}
