import Jobs
import Testing

@testable import Workers

@Suite("An argument with placeholders") struct CommandTemplateTests {
  private func fill(_ argument: String, _ payload: String = "{}") throws -> String {
    let payload = try JSONDocument(bytes: Array(payload.utf8)).root
    return try CommandTemplate(argument).filled(payload: payload) { "<\($0)>" }
  }

  @Test("stays one argument, whatever is filled in")
  func filling() throws {
    #expect(try fill("plain") == "plain")
    #expect(try fill("") == "")
    #expect(try fill("{job.id}") == "<jobID>")
    #expect(try fill("--out={output}:{folder}") == "--out=<output>:<folder>")
    #expect(
      try fill("{input}{payload}{job.attempt}{job.user}") == "<input><payloadFile><attempt><user>")
    #expect(
      try fill("x={payload.a}", #"{"a":"b c; rm -rf $HOME {job.id}"}"#)
        == "x=b c; rm -rf $HOME {job.id}")
    #expect(try fill("{payload.n} {payload.t}", #"{"n":-1.50,"t":true}"#) == "-1.50 true")
    #expect(try fill("{{literal}}") == "{literal}")
  }

  @Test(
    "is refused where it cannot be understood",
    arguments: ["{", "}", "{x", "{unknown}", "{}", "{payload.}", "a}b", "{job.name}"])
  func badTemplates(_ argument: String) {
    #expect(throws: CommandConfigurationError.self) { try CommandTemplate(argument) }
  }

  @Test(
    "refuses what no program should get",
    arguments: [
      ("{payload.a}", "{}"), ("{payload.a}", #"{"a":null}"#), ("{payload.a}", #"{"a":{}}"#),
      ("{payload.a}", #"{"a":["x"]}"#), ("{payload.a}", #"{"a":"x\u0000y"}"#),
      ("{payload.a}", #"{"a":"--evil"}"#), ("{payload.a}", #"{"a":"-"}"#),
    ])
  func badValues(_ argument: String, _ payload: String) {
    #expect(throws: PayloadFault.self) { try fill(argument, payload) }
  }

  @Test("may hold a dash behind its own text")
  func dash() throws {
    #expect(try fill("--name={payload.a}", #"{"a":"--x"}"#) == "--name=--x")
  }
}
