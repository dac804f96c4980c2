import Testing

@testable import Gateway

@Suite("Strict JSON") struct StrictJSONTests {
  private func parse(_ text: String) throws(StrictJSON.Fault) -> StrictJSON {
    try StrictJSON(parsing: Array(text.utf8))
  }

  @Test("reads every kind of value")
  func values() throws {
    let value = try parse(#" {"a":[1,-2.5e1,true,false,null],"b":"x","c":{}} "#)
    #expect(
      value
        == .object([
          "a": .array([.number(1), .number(-25), .bool(true), .bool(false), .null]), "b": .string("x"),
          "c": .object([:]),
        ]))
  }

  @Test("reads escapes, also beyond the basic plane")
  func escapes() throws {
    #expect(try parse(#""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00""#) == .string("\"\\/\u{8}\u{c}\n\r\té😀"))
  }

  @Test(
    "refuses a name that occurs twice, however it is spelled, at any depth",
    arguments: [
      #"{"a":1,"a":1}"#, #"{"a":1,"\u0061":2}"#, #"{"x":{"b":1,"b":2}}"#, #"[{"b":1,"b":2}]"#,
    ])
  func repeatedNames(_ text: String) {
    #expect(throws: StrictJSON.Fault.repeatedName) { try parse(text) }
  }

  @Test(
    "refuses what is no JSON",
    arguments: [
      "", " ", "{", "}", "{}x", "{} {}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, "{,}", "{a:1}", "{'a':1}", "[1,]",
      "[1 2]",
      "01", "+1", "1.", ".5", "-", "1e", "1e+", "NaN", "Infinity", "-Infinity", "0x1", "tru", "nul", "True", "\"a",
      "\"\n\"",
      #""\x""#, #""\u12""#, #""\u12g4""#, #""\uD800""#, #""\uD800x""#, #""\uD800\u0041""#, #""\uDC00""#, "\u{FEFF}{}",
      "// c\n1", "\"\\",
    ])
  func syntax(_ text: String) { #expect(throws: StrictJSON.Fault.syntax) { try parse(text) } }

  @Test(
    "refuses bytes that are no UTF-8",
    arguments: [
      [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22],
      [0x22, 0x5C, 0x6E, 0xFF, 0x22],
    ] as [[UInt8]])
  func encoding(_ bytes: [UInt8]) {
    #expect(throws: StrictJSON.Fault.syntax) { try StrictJSON(parsing: bytes) }
  }

  @Test("bounds the depth, so that no text exhausts the stack")
  func depth() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try parse(nested(StrictJSON.deepest))
    #expect(throws: StrictJSON.Fault.tooDeep) { try parse(nested(StrictJSON.deepest + 1)) }
    #expect(throws: StrictJSON.Fault.tooDeep) { try parse(String(repeating: "[", count: 100_000)) }
    #expect(throws: StrictJSON.Fault.tooDeep) { try parse(String(repeating: #"{"a":"#, count: 1000)) }
  }

  @Test("takes numbers out of range for infinite, never for another number")
  func hugeNumbers() throws {
    #expect(try parse("1e400") == .number(.infinity))
    #expect(try parse("-1e400") == .number(-.infinity))
  }

  @Test("writes what it reads")
  func serialization() throws {
    let text = #"{"a":"\"\\\u000a\u0000é😀","b":[1,2.5,true,false,null],"c":{}}"#
    #expect(try parse(text).serialized == text)
  }
}
