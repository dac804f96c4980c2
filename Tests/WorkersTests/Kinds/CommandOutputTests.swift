import Jobs
import Testing

@testable import Workers

@Suite("A command's output") struct CommandOutputTests {
  private func read(_ line: String, as form: CommandProgressForm) throws -> CommandLine {
    try CommandOutputParser(form).read(line)
  }

  @Test("is read as lines of JSON")
  func json() throws {
    let form = CommandProgressForm.jsonLines
    #expect(
      try read(#"{"percent":41.5,"stage":"separating","message":"part 2"}"#, as: form)
        == .progress(Progress(percent: 41.5, stage: "separating", message: "part 2")))
    #expect(
      try read(#" {"percent":1,"details":{"a":[1,2]}} "#, as: form)
        == .progress(Progress(percent: 1, details: JSONText(validating: #"{"a":[1,2]}"#))))
    #expect(
      try read(#"{"result":{"words":12}}"#, as: form)
        == .result(JSONText(validating: #"{"words":12}"#)))
    #expect(try read(#"{"result":null}"#, as: form) == .result(JSONText(validating: "null")))
    for other in [
      "plain", "", "41%", "[1]", #"{"else":1}"#, #"{"percent":"#, #"{"percent":"12"}"#, "{}",
    ] {
      #expect(try read(other, as: form) == .other, "\(other)")
    }
  }

  @Test(
    "is read as percentages",
    arguments: [
      ("41%", 41), ("[####   ] 41.5 %", 41.5), ("1% then 2%", 2), ("done: 100%", 100), ("0%", 0),
      (" 7  % |==", 7), ("-5%", 5), ("%", nil), ("x%", nil), ("101%", nil), ("none", nil),
      ("1.2.3%", nil), ("ä41%", 41),
    ])
  func percent(_ line: String, _ wanted: Double?) throws {
    let read = try read(line, as: .percent)
    #expect(read == (wanted.map { .progress(Progress(percent: $0)) } ?? .other))
  }

  @Test("is read by an expression")
  func pattern() throws {
    let form = CommandProgressForm.pattern(
      #"step (?<percent>\d+(\.\d+)?) of 100(: (?<stage>\w+))?"#)
    #expect(
      try read("at step 12.5 of 100: mixing", as: form)
        == .progress(Progress(percent: 12.5, stage: "mixing")))
    #expect(try read("at step 12 of 100", as: form) == .progress(Progress(percent: 12)))
    #expect(try read("at step x of 100", as: form) == .other)
    #expect(
      try read("now: mixing", as: .pattern(#"now: (?<stage>\w+)"#))
        == .progress(Progress(stage: "mixing")))
  }

  @Test(
    "refuses expressions that are none, or name nothing",
    arguments: ["(?<percent>", "[", "(\\d+)%"])
  func badPattern(_ text: String) {
    #expect(throws: CommandConfigurationError.self) { try CommandOutputParser(.pattern(text)) }
  }

  @Test("says nothing where nothing is read")
  func none() throws { #expect(try read(#"{"percent":1}"#, as: .none) == .other) }
}
