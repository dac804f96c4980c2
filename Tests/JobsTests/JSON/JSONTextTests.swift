import Jobs
import Testing

@Suite("A JSON text")
struct JSONTextTests {
  @Test("passes through as it was written")
  func verbatim() throws {
    let text = #"{"n":12345678901234567890.10,"s":"\u0041\/é","s":1e400}"#
    #expect(try JSONText(validating: text).description == text)
  }

  @Test("stands on one line: raw line breaks go, escaped ones stay")
  func oneLine() throws {
    let text = try JSONText(validating: "{\r\n  \"a\": \"x\\ny\",\n  \"b\": [1,\n 2]\n}\n")
    #expect(text.description == #"{  "a": "x\ny",  "b": [1, 2]}"#)
    #expect(try JSONText(validating: " \n [] \n ").description == "[]")
  }

  @Test("a value inside a document is its own bytes")
  func inner() throws {
    let document = try JSONDocument(bytes: Array(#"{"payload": {"n": 1.00} ,"x":1}"#.utf8))
    #expect(document.root["payload"]?.text.description == #"{"n": 1.00}"#)
  }

  @Test("is nothing that is not JSON", arguments: ["", "{", "a", "{} {}"])
  func invalid(_ text: String) {
    #expect(throws: JSONError.self) { try JSONText(validating: text) }
  }
}
