import Foundation
import Jobs
import Logging
import Support
import Testing

@testable import Workers

/// A fifo from which a script reads a line, and so waits, until it is opened.
private final class ScriptGate {
  let path: String
  private let descriptor: Int32

  init(_ path: String) {
    self.path = path
    precondition(mkfifo(path, 0o600) == 0, "a fifo cannot be made")
    // For both: neither this nor a script's opening has to wait for another.
    descriptor = Foundation.open(path, O_RDWR | O_CLOEXEC)
    precondition(descriptor >= 0, "a fifo cannot be opened")
  }

  /// To be kept until the script has ended: what was not read goes with it.
  func open() { precondition(write(descriptor, "go\n", 3) == 3, "a fifo takes nothing") }

  deinit { close(descriptor) }
}

@Suite("A child process", .timeLimit(.minutes(1))) struct ChildProcessTests {
  private let folder = TemporaryFolder()

  private func child(
    _ script: String, _ arguments: [String] = [], grace: Duration = .seconds(50),
    environment: [String: String] = [:], inputFile: String? = nil, outputLimit: Int = 1 << 20,
    orphanGuard: OrphanGuard? = nil
  ) -> ChildProcess {
    ChildProcess(
      ChildCommand(
        "/bin/sh", ["-c", script, "sh"] + arguments, folder: folder.path, inputFile: inputFile,
        outputLimit: outputLimit),
      environment: ["PATH": ChildCommand.path].merging(environment) { _, new in new },
      grace: grace, orphanGuard: orphanGuard)
  }

  private func run(_ child: ChildProcess) async throws -> (
    exit: ChildExit, out: String, err: String
  ) {
    let output = Recorder<UInt8>()
    let errors = Recorder<UInt8>()
    let exit = try await child.run(
      onOutput: { for byte in $0 { output.add(byte) } },
      onError: { for byte in $0 { errors.add(byte) } })
    return (
      exit, String(decoding: output.all, as: UTF8.self), String(decoding: errors.all, as: UTF8.self)
    )
  }

  @Test("hands over both streams and the status")
  func streams() async throws {
    let result = try await run(child("echo out; echo err >&2; exit 3"))
    #expect(result.exit == .status(3))
    #expect(result.out == "out\n")
    #expect(result.err == "err\n")
  }

  @Test("gets its arguments as they are, whatever they hold")
  func arguments() async throws {
    let odd = ["a b", "$(touch hacked)", "'\";|&", "", "-n", "line\nbreak", "*"]
    let result = try await run(child(#"for a in "$@"; do printf '<%s>' "$a"; done"#, odd))
    #expect(result.out == odd.map { "<\($0)>" }.joined())
    #expect(!FileManager.default.fileExists(atPath: folder.path("hacked")))
  }

  @Test("inherits nothing: no variable, no descriptor, no input")
  func isolation() async throws {
    let result = try await run(
      child(
        "env | cut -d= -f1 | grep -vx '_\\|SHLVL\\|OLDPWD' | sort | tr '\\n' ' '; ls /proc/self/fd | wc -l; cat"
      ))
    #expect(result.out.split(whereSeparator: \.isWhitespace) == ["PATH", "PWD", "4"])
  }

  @Test("reads its input file")
  func input() async throws {
    let file = try folder.write("from the file", to: "input")
    #expect(try await run(child("cat", inputFile: file)).out == "from the file")
  }

  @Test("says which program cannot be started")
  func missing() async throws {
    let missing = ChildProcess(
      ChildCommand("no-such-program"), environment: ["PATH": ChildCommand.path],
      grace: .seconds(1), orphanGuard: nil)
    await #expect(throws: ChildProcessError.self) {
      try await missing.run(onOutput: { _ in }, onError: { _ in })
    }
  }

  @Test("is killed when it says too much")
  func tooMuch() async throws {
    await #expect(throws: ChildProcessError.tooMuchOutput(limit: 1000)) {
      _ = try await run(child("yes", outputLimit: 1000))
    }
  }

  @Test("is killed when it runs longer than it may by itself")
  func tooLong() async throws {
    let sleeper = ChildProcess(
      ChildCommand("sleep", ["1000"], timeLimit: .milliseconds(50)),
      environment: ["PATH": ChildCommand.path], grace: .seconds(50), orphanGuard: nil)
    await #expect(throws: ChildProcessError.tooLong(limit: .milliseconds(50))) {
      try await sleeper.run(onOutput: { _ in }, onError: { _ in })
    }
  }

  @Test("takes its grandchildren with it when it ends by itself")
  func leftBehind() async throws {
    let (fifo, gate) = (Fifo(folder.path("life")), ScriptGate(folder.path("gate")))
    defer { withExtendedLifetime(gate) {} }
    // The grandchild holds the output too: reading must end with the child.
    let child = child(
      #"(exec 9>"$1"; echo alive >&9; exec sleep 1000) & read x < "$2"; exit 0"#, [fifo.path, gate.path])
    async let result = run(child)
    #expect(await fifo.line() == "alive")
    gate.open()
    #expect(try await result.exit == .status(0))
    await fifo.end()
  }

  @Test("is ended with its grandchildren by SIGTERM")
  func termination() async throws {
    let (one, two) = (Fifo(folder.path("one")), Fifo(folder.path("two")))
    let child = child(
      #"(exec 9>"$1"; echo $$ >&9; exec sleep 1000) & exec 8>"$2"; echo alive >&8; sleep 1000"#,
      [one.path, two.path])
    async let result = run(child)
    _ = await one.line()
    _ = await two.line()
    child.terminate()
    #expect(try await result.exit == .signal(SIGTERM))
    await one.end()
    await two.end()
  }

  @Test("is killed with its grandchildren when it ignores SIGTERM for the grace")
  func grace() async throws {
    let fifo = Fifo(folder.path("life"))
    let child = child(
      #"trap '' TERM; exec 9>"$1"; (echo alive >&9; while :; do sleep 1000; done) & while :; do sleep 1000; done"#,
      [fifo.path], grace: .milliseconds(100))
    async let result = run(child)
    #expect(await fifo.line() == "alive")
    child.terminate()
    #expect(try await result.exit == .signal(SIGKILL))
    await fifo.end()
  }

  @Test("may say its last words after SIGTERM, and end well")
  func lastWords() async throws {
    let fifo = Fifo(folder.path("life"))
    let child = child(
      #"trap 'echo bye; exit 7' TERM; exec 9>"$1"; echo alive >&9; while :; do sleep 0.01; done"#,
      [fifo.path])
    let task = Task { try await run(child) }
    #expect(await fifo.line() == "alive")
    // Cancelling the task asks the group to end too.
    task.cancel()
    let result = try await task.value
    #expect(result.exit == .status(7))
    #expect(result.out == "bye\n")
  }

  @Test("is ended at once when the end was asked for before it began")
  func early() async throws {
    let child = child("sleep 1000")
    child.kill()
    #expect(try await run(child).exit == .signal(SIGKILL))
  }

  /// Ways for a program to leave something behind that is in no group of its own any more. `hold` is a
  /// script that tells the fifo `$1` that it lives, and then does.
  static let escapes = [
    // In a session of its own.
    #"setsid sh hold "$1" & sleep 1000"#,
    // Without any output, and left by its parent at once, as daemons are.
    #"setsid sh -c '(sh hold "$1" >/dev/null 2>&1 &)' sh "$1"; sleep 1000"#,
    // Through several programs and sessions.
    #"setsid sh -c 'setsid sh -c "setsid sh hold \"$1\" & sleep 1000" sh "$1" & sleep 1000' sh "$1" & sleep 1000"#,
  ]

  /// A fifo that `hold` holds, which is made here.
  private func held() throws -> Fifo {
    try folder.write(#"exec 9>"$1"; echo alive >&9; exec sleep 1000"#, to: "hold")
    return Fifo(folder.path("life"))
  }

  @Test("takes along what left its process group, when it is killed", arguments: escapes)
  func escaped(_ script: String) async throws {
    let fifo = try held()
    let child = child(script, [fifo.path], environment: [ChildProcess.mark: UUID().uuidString])
    async let result = run(child)
    #expect(await fifo.line() == "alive")
    child.kill()
    #expect(try await result.exit == .signal(SIGKILL))
    await fifo.end()
  }

  @Test("takes along what left its process group, when it ends by itself", arguments: escapes)
  func leftBehindOutside(_ script: String) async throws {
    let (fifo, gate) = (try held(), ScriptGate(folder.path("gate")))
    defer { withExtendedLifetime(gate) {} }
    let child = child(
      script.replacing(/sleep 1000$/, with: #"read x < "$2"; exit 3"#), [fifo.path, gate.path],
      environment: [ChildProcess.mark: UUID().uuidString])
    async let result = run(child)
    #expect(await fifo.line() == "alive")
    gate.open()
    #expect(try await result.exit == .status(3))
    await fifo.end()
  }

  @Test("leaves alone what another run of the same job has started, before it or after")
  func siblings() async throws {
    let environment = [ChildProcess.mark: UUID().uuidString]
    let names = ["elder", "middle", "younger"]
    let lives = names.map { Fifo(folder.path($0)) }
    let gates = names.map { ScriptGate(folder.path("\($0)-gate")) }
    defer { withExtendedLifetime(gates) {} }
    var runs: [Task<ChildExit, any Error>] = []
    for (life, gate) in zip(lives, gates) {
      let child = child(
        #"exec 9>"$1"; echo alive >&9; read x < "$2"; exit 3"#, [life.path, gate.path],
        environment: environment)
      runs.append(Task { try await run(child).exit })
      #expect(await life.line() == "alive")
    }
    for index in [1, 0, 2] {
      gates[index].open()
      #expect(try await runs[index].value == .status(3))
    }
  }

  @Test("does not outlive its worker: the guard kills its group, and what left the group")
  func orphans() async throws {
    let worker = WorkerID.generated()
    let orphanGuard = OrphanGuard(of: worker, logger: Logger(label: "test"))
    let (one, two) = (Fifo(folder.path("one")), Fifo(folder.path("two")))
    let child = child(
      #"setsid sh -c 'exec 9>"$1"; echo alive >&9; exec sleep 1000' sh "$1" & exec 8>"$2"; echo alive >&8; sleep 1000"#,
      [one.path, two.path], environment: [OrphanGuard.mark: worker.description],
      orphanGuard: orphanGuard)
    async let result = run(child)
    #expect(await one.line() == "alive")
    #expect(await two.line() == "alive")
    // The guard's pipe ends, as it does when the worker is killed.
    await orphanGuard.close()
    #expect(try await result.exit == .signal(SIGKILL))
    await one.end()
    await two.end()
  }
}
