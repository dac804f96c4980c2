import Foundation
import Jobs
import Logging
import Support
import Testing

@testable import Workers

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
    let fifo = Fifo(folder.path("life"))
    // The grandchild holds the output too: reading must end with the child.
    let result = try await run(
      child(
        #"(exec 9>"$1"; echo alive >&9; exec sleep 1000) & read x < "$2"; exit 0"#,
        [fifo.path, try release()]))
    #expect(result.exit == .status(0))
    #expect(await fifo.line() == "alive")
    await fifo.end()
  }

  /// A file with a line, for a `read` that does not wait.
  private func release() throws -> String { try folder.write("go\n", to: "go") }

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

  @Test("takes along what left its process group")
  func setsid() async throws {
    let fifo = Fifo(folder.path("life"))
    let child = child(
      #"setsid sh -c 'exec 9>"$1"; echo alive >&9; exec sleep 1000' sh "$1" & sleep 1000"#,
      [fifo.path], environment: [ChildProcess.mark: UUID().uuidString])
    async let result = run(child)
    #expect(await fifo.line() == "alive")
    child.kill()
    #expect(try await result.exit == .signal(SIGKILL))
    await fifo.end()
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
