import EventLoop
import Foundation
import Jobs
import Support
import Testing

@testable import Workers

@Suite("A configured command", .timeLimit(.minutes(1))) struct CommandWorkerTests {
  private func worker(
    _ script: String, _ arguments: [String] = [],
    _ change: (inout CommandWorker.Configuration) -> Void = { _ in }
  ) throws -> CommandWorker {
    let script = script.replacing("{", with: "{{").replacing("}", with: "}}")
    var configuration = CommandWorker.Configuration(
      kind: JobKind("command")!, program: "sh", arguments: ["-c", script, "sh"] + arguments)
    change(&configuration)
    return try CommandWorker(configuration)
  }

  private func run(
    _ worker: CommandWorker, _ payload: String = "{}"
  ) async throws -> (settlement: Settlement, workshop: Workshop, job: JobID) {
    let workshop = await Workshop([worker])
    let job = await workshop.broker.add("command", payload)
    let settlement = await workshop.broker.settlement(of: job)
    await workshop.close()
    return (settlement, workshop, job)
  }

  private func json(_ text: String) throws -> JSONText { try JSONText(validating: text) }

  @Test("tells its progress and its result in lines of JSON; the rest goes to the log")
  func progress() async throws {
    let script = """
      echo '{"percent":10,"stage":"one"}'; echo chat; echo warned >&2
      echo '{"percent":20,"stage":"two"}'; echo '{"result":{"n":1}}'; echo '{"result":{"n":2}}'
      """
    let (settlement, workshop, job) = try await run(worker(script))
    #expect(settlement == .complete(try json(#"{"n":2}"#)))
    #expect(await workshop.broker.progress(of: job).last == Progress(percent: 20, stage: "two"))
    #expect(await Set(workshop.broker.lines) == ["chat", "warned"])
  }

  @Test("may tell its result as the last object it says, beside other progress")
  func resultLine() async throws {
    let script = #"echo '{"a":1}'; echo ' 50 %'; echo '[7]'; echo '{"b":[2]}'; echo done"#
    let (settlement, workshop, job) = try await run(
      worker(script) {
        $0.progress = .percent
        $0.result = .line
      })
    #expect(settlement == .complete(try json(#"{"b":[2]}"#)))
    #expect(await workshop.broker.lines == ["[7]", "done"])
    #expect(await workshop.broker.progress(of: job).last == Progress(percent: 50))
    let none = try worker("echo done") { $0.result = .line }
    #expect(try await run(none).settlement == .complete(nil))
  }

  @Test("may leave its result in a file, which is no artifact")
  func resultFile() async throws {
    let script = #"cd output; echo '{"text":"hello"}' > result.json; echo words > transcript.txt"#
    let (settlement, workshop, job) = try await run(worker(script) { $0.result = .file })
    guard case .complete(let result?) = settlement else {
      Issue.record("not completed: \(settlement)")
      return
    }
    let told = try JSONDocument(bytes: result.bytes).root
    #expect(told["result"]?["text"]?.string == "hello")
    #expect(try await workshop.store.artifacts(of: job).map(\.name.description) == ["transcript.txt"])
    #expect(try await run(worker("true") { $0.result = .file }).settlement == .complete(nil))
    // As an artifact it is any file, where the result is told otherwise.
    let (_, other, kept) = try await run(worker(script))
    #expect(try await other.store.artifacts(of: kept).count == 2)
  }

  @Test(
    "fails where the file of its result is none",
    arguments: [
      ("echo nothing > output/result.json", "bad_result"), ("ln -s /etc/hostname output/result.json", "bad_result"),
      ("mkdir output/result.json", "bad_result"),
      ("head -c 70000 /dev/zero | tr '\\0' 1 > output/result.json", "result_too_large"),
    ])
  func badResultFile(_ script: String, _ code: String) async throws {
    guard case .fail(let failure, .byPolicy) = try await run(worker(script) { $0.result = .file }).settlement else {
      Issue.record("the job did not fail")
      return
    }
    #expect(failure.code == code)
  }

  @Test("gets what its arguments ask for, in one argument each")
  func placeholders() async throws {
    let script =
      #"printf '{"result":['; for a in "$@"; do printf '"%s",' "$a"; done; printf '0]}\n'"#
    let (settlement, _, job) = try await run(
      worker(script, ["{job.id}", "{payload.a}", "n={payload.n}", "{job.user}"]),
      #"{"a":"x y; $(date)","n":3}"#)
    #expect(settlement == .complete(try json("[\"\(job)\",\"x y; $(date)\",\"n=3\",\"alice\",0]")))
  }

  @Test("gets its payload on standard input, or in a file")
  func payload() async throws {
    let payload = #"{"a":[1,2]}"#
    let wanted = Settlement.complete(try json(payload))
    let input = try worker(#"printf '{"result":%s}\n' "$(cat)""#) { $0.payload = .standardInput }
    #expect(try await run(input, payload).settlement == wanted)
    let file = try worker(#"printf '{"result":%s}\n' "$(cat "$FANFARE_PAYLOAD")""#) {
      $0.payload = .file
    }
    #expect(try await run(file, payload).settlement == wanted)
    let placeholder = try worker(#"printf '{"result":%s}\n' "$(cat "$1")""#, ["{payload}"])
    #expect(try await run(placeholder, payload).settlement == wanted)
  }

  @Test("makes artifacts of what it leaves in its output folder, but not of links")
  func artifacts() async throws {
    let script =
      #"printf made > "$1"; ln -s /etc/passwd "$(dirname "$1")/link.txt"; echo '{"result":7}'"#
    let (settlement, workshop, job) = try await run(
      worker(script, ["{output}"]), #"{"output":"my song.mp3"}"#)
    #expect(
      settlement
        == .complete(
          try json(
            #"{"artifacts":[{"name":"my song.mp3","url":"/v1/artifacts/\#(job)/my%20song.mp3","bytes":4,"content_type":"audio/mpeg"}],"result":7}"#
          )))
    let artifacts = try await workshop.store.artifacts(of: job)
    #expect(artifacts.map(\.name.description) == ["my song.mp3"])
    #expect(artifacts.first?.owner == "alice")
  }

  @Test("reads an input")
  func input() async throws {
    let workshop = await Workshop([
      try worker(#"printf '{"result":%s}\n' "$(cat "$1")""#, ["{input}"])
    ])
    let writer = try await workshop.store.beginUpload(
      owner: "alice", name: "n", contentType: nil, limit: 10)
    try await writer.write(Array("12".utf8))
    let upload = try await writer.finish()
    let job = await workshop.broker.add("command", #"{"input":"upload:\#(upload.id)"}"#)
    #expect(await workshop.broker.settlement(of: job) == .complete(try json("12")))
    await workshop.close()
  }

  @Test("fails with its status and its last words")
  func failure() async throws {
    let script = "for i in $(seq 30); do echo line $i >&2; done; exit 3"
    guard case .fail(let failure, .byPolicy) = try await run(worker(script)).settlement else {
      Issue.record("the job did not fail by policy")
      return
    }
    #expect(failure.code == "exit_status")
    #expect(failure.message.hasPrefix("sh ended with status 3.\nline 11\n"))
    #expect(failure.message.hasSuffix("line 30"))
  }

  @Test("may succeed with other statuses, as configured")
  func statuses() async throws {
    let other = try worker("exit 3") { $0.successExitCodes = [0, 3] }
    #expect(try await run(other).settlement == .complete(nil))
  }

  @Test("that is killed by somebody else fails as that")
  func killed() async throws {
    guard case .fail(let failure, .byPolicy) = try await run(worker("kill -9 $$")).settlement else {
      Issue.record("the job did not fail by policy")
      return
    }
    #expect(failure.code == "signal")
  }

  @Test("that says too much is ended for good")
  func tooMuch() async throws {
    let loud = try worker("yes") { $0.outputLimit = 10_000 }
    guard case .fail(let failure, .never) = try await run(loud).settlement else {
      Issue.record("the job did not fail for good")
      return
    }
    #expect(failure.code == "output_too_large")
  }

  @Test("is not run with a payload it cannot use")
  func badPayload() async throws {
    for (arguments, payload) in [
      (["{payload.a}"], "{}"), (["{input}"], "{}"), (["{input}"], #"{"input":"/etc/passwd"}"#),
      (["{output}"], #"{"output":"../x"}"#),
    ] {
      guard
        case .fail(let failure, .never) = try await run(worker("echo", arguments), payload)
          .settlement
      else {
        Issue.record("a bad payload was taken: \(payload)")
        continue
      }
      #expect(failure.code == "bad_input")
    }
  }

  @Test("gets a bare environment and its own")
  func environment() async throws {
    let script =
      #"printf '{"result":"%s %s %s %s"}\n' "$FANFARE_ATTEMPT" "$OWN" "$LANG" "$([ "$HOME" = "$PWD" ] && echo home)""#
    let own = try worker(script) { $0.environment = ["OWN": "x"] }
    #expect(try await run(own).settlement == .complete(try json(#""1 x C.UTF-8 home""#)))
  }
}
