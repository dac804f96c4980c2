import Gateway
import Testing

@Suite("A message of commands") struct CommandTests {
  private func describe(_ text: String) -> [String] {
    Command.lines(of: Array(text.utf8)).map {
      switch $0 {
      case .pong: "pong"
      case .malformed: "malformed"
      case .command(let command): "\(command.id) \(command.method.rawValue)"
      }
    }
  }

  @Test(
    "is read line by line",
    arguments: [
      (#"{"id":1,"connect":{}}"#, ["1 connect"]),
      ("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}", ["1 connect", "2 subscribe"]),
      ("{}", ["pong"]), ("{ }", ["pong"]), ("{}\n", ["pong"]),
      (#"{"send":{"data":1}}"#, ["0 send"]),
      (#"{"id":3,"rpc":{},"connect":{}}"#, ["3 connect"]),
      (#"{"id":4294967295,"rpc":{}}"#, ["4294967295 rpc"]),
      (#"{"id":5,"rpc":{},"unknown":[1]}"#, ["5 rpc"]),
    ])
  func lines(text: String, expected: [String]) { #expect(describe(text) == expected) }

  @Test(
    "is malformed as a whole",
    arguments: [
      "", "\n", "\n{}", "{}\n\n{}", "[]", "1", "nonsense", "{", #"{"id":1}"#, #"{"connect":{}}"#,
      #"{"id":0,"connect":{}}"#, #"{"id":-1,"connect":{}}"#, #"{"id":"1","connect":{}}"#,
      #"{"id":4294967296,"rpc":{}}"#, #"{"id":1,"ping":{}}"#, #"{"id":1,"connect":[]}"#,
      #"{"id":1.5,"connect":{}}"#, #"[{"id":1,"connect":{}}]"#, "{\"id\":1,\"connect\":{\"a\":\u{01}}}",
    ])
  func malformed(text: String) { #expect(describe(text).last == "malformed") }

  @Test("is read no further than its first fault")
  func firstFault() {
    #expect(describe("{}\n[]\n{}") == ["pong", "malformed"])
  }
}
