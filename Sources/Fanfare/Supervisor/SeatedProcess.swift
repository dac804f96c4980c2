import EventLoop
import Foundation

/// A `fanfare serve` that a supervisor has started on a seat.
///
/// It gets the seat's listening sockets and its end of the line, under the numbers that they have here, and no other
/// file but the standard three: everything else is closed on exec. It is in a process group of its own, so that a
/// terminal's Ctrl-C reaches the supervisor alone, which passes it on in order.
@EventLoop
final class SeatedProcess {
  /// How one ended.
  enum Exit: Hashable {
    case status(Int32)
    case signal(Int32)

    init(_ result: Int32) {
      let signal = result & 0x7F
      self = signal == 0 ? .status(result >> 8 & 0xFF) : .signal(signal)
    }

    var description: String {
      switch self {
      case .status(let code): "it ended with status \(code)"
      case .signal(let number): "it was ended by signal \(number)"
      }
    }
  }

  /// What is run, and with what.
  struct Command: Sendable {
    /// As this process was started: a name is looked up anew, so that what has taken its place is run.
    var program: String
    /// Run where that is not found.
    var executable: String
    var arguments: [String]
    var environment: [String: String]

    /// The command that this process was started with.
    static var own: Command {
      var path = [CChar](repeating: 0, count: Int(PATH_MAX))
      let count = readlink("/proc/self/exe", &path, path.count - 1)
      let executable = String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return Command(
        program: CommandLine.arguments.first ?? executable, executable: executable,
        arguments: Array(CommandLine.arguments.dropFirst()),
        environment: ProcessInfo.processInfo.environment)
    }
  }

  let id: pid_t
  let seat: Int
  let startedAt = ContinuousClock.now
  private let link: ProcessLink
  private let heard: @EventLoop (SeatReport) -> Void
  /// Why it says that it ended.
  private var said: String?

  /// Starts it; `heard` is called with what it reports. Throws ``CommandFailure`` where it cannot be started.
  init(
    _ command: Command, on seat: Seat, host: String, heard: @escaping @EventLoop (SeatReport) -> Void
  ) throws(CommandFailure) {
    let (ours, theirs) = try ProcessLink.pair()
    defer { close(theirs) }
    let offer = SeatOffer(seat: seat, link: theirs, host: host)
    do throws(CommandFailure) { id = try Self.start(command, with: offer) } catch {
      close(ours)
      throw error
    }
    self.seat = seat.number
    self.heard = heard
    let reports = Reports()
    link = ProcessLink(ours, heard: { reports.process?.received($0) }, ended: {})
    reports.process = self
  }

  /// Holds the process weakly for the line that it holds.
  @EventLoop private final class Reports {
    weak var process: SeatedProcess?
  }

  private func received(_ text: String) {
    guard let report = SeatReport(text) else {
      said = "it says what is not understood: is it another version?"
      return
    }
    if case .failed(let reason) = report { said = reason }
    heard(report)
  }

  func tell(_ order: SeatOrder) { link.send(order.rawValue) }

  func kill() { _ = Foundation.kill(id, SIGKILL) }

  /// Whether it has ended, and why; nil while it runs. After that it must not be asked again.
  func ending() -> (exit: Exit, reason: String)? {
    var result: Int32 = 0
    guard waitpid(id, &result, WNOHANG) == id else { return nil }
    // What it said last is still in the line.
    link.receive()
    link.close()
    let exit = Exit(result)
    return (exit, said ?? exit.description)
  }

  private static func start(_ command: Command, with offer: SeatOffer) throws(CommandFailure) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // A descriptor that is copied to itself stays open in the child (POSIX.1-2024), and in it alone.
    for descriptor in offer.descriptors {
      posix_spawn_file_actions_adddup2(&actions, descriptor, descriptor)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    var environment = command.environment
    environment[SeatOffer.variable] = offer.text
    var words: [UnsafeMutablePointer<CChar>?] =
      ([command.program] + command.arguments).map { strdup($0) } + [nil]
    var settings: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in words + settings { free(text) } }
    var process: pid_t = 0
    var code = posix_spawnp(&process, command.program, &actions, &attributes, &words, &settings)
    if code == ENOENT {
      code = posix_spawn(&process, command.executable, &actions, &attributes, &words, &settings)
    }
    guard code == 0 else {
      throw CommandFailure(
        description: "\(command.program) cannot be started: \(String(cString: strerror(code)))", status: .failed)
    }
    return process
  }
}
