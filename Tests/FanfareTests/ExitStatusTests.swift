import ArgumentParser
import Jobs
import Testing

@testable import Fanfare

@Suite("Exit codes") struct ExitStatusTests {
  @Test("0 for a completed job, 1 for a failed one, 3 for a cancelled one")
  func jobs() {
    #expect(ExitStatus(of: .completed).rawValue == 0)
    #expect(ExitStatus(of: .failed).rawValue == 1)
    #expect(ExitStatus(of: .cancelled).rawValue == 3)
  }

  @Test(
    "2 for what is not understood",
    arguments: [
      ["submt"], ["submit"], ["watch"], ["serve", "--prot", "1"], ["token", "issue", "--nothing"],
    ])
  func usage(_ arguments: [String]) throws {
    let error = try #require(throws: (any Error).self) { try Fanfare.parseAsRoot(arguments) }
    let judgement = ExitStatus.judge(error)
    #expect(judgement.status == 2)
    #expect(!judgement.isAnswer)
  }

  @Test(
    "0 for help and the version, on standard output",
    arguments: [["--help"], ["--version"], ["submit", "--help"]])
  func help(_ arguments: [String]) throws {
    let error = try #require(throws: (any Error).self) {
      var command = try Fanfare.parseAsRoot(arguments)
      try command.run()
    }
    #expect(ExitStatus.judge(error).status == 0)
    #expect(ExitStatus.judge(error).isAnswer)
  }

  @Test("2 for a refusal, 1 for a faulty configuration")
  func refusals() {
    #expect(ExitStatus.judge(ClientError.problem(status: 401, detail: "no")).status == 2)
    #expect(ExitStatus.judge(ClientError.unreachable("nobody")).status == 2)
    #expect(ExitStatus.judge(ConfigurationFaults(faults: [])).status == 1)
    #expect(ExitStatus.judge(CommandFailure(description: "x", status: .cancelled)).status == 3)
  }

  @Test("words behind -- are the job's own")
  func arguments() throws {
    let command = try Fanfare.parseAsRoot([
      "submit", "ffmpeg", "--file", "clip.mp4", "--output", "out.mp4", "--", "-vf", "scale=640:-2",
    ])
    let submit = try #require(command as? Submit)
    #expect(submit.arguments == ["-vf", "scale=640:-2"])
    #expect(submit.file == "clip.mp4")
  }
}
