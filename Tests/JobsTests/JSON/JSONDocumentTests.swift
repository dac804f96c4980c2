import Jobs
import Testing

@Suite("A JSON document")
struct JSONDocumentTests {
  @Test(
    "accepts what RFC 8259 allows",
    arguments: [
      "null", "true", "false", "0", "-0", "1", "-1", "10", "1.5", "-0.25", "1e5", "1E+5", "1e-5",
      "0e0", "0.0e-0", "123456789012345678901234567890", "1e400", #""""#, #""a""#, #""\u0041""#,
      #""\"\\\/\b\f\n\r\t""#, #""\ud83d\ude00""#, #""\uD83D\uDE00""#, "\"\u{7f}\"", "\"é😀\"",
      "\"\u{2028}\"", #""\u0000""#, "[]", "[ ]", "[1]", "[1,2]", "[[[]]]", "{}", "{ }",
      #"{"a":1}"#, #"{"":0}"#, #"{"a":{"b":[]}}"#, #"{"a":1,"a":2}"#, " \t\n\r 1 \t\n\r ",
      "[1 , 2]", #"{ "a" : 1 , "b" : 2 }"#, "[\n1\n]", "[null,true,false]",
    ])
  func accepts(_ text: String) throws {
    _ = try JSONDocument(bytes: Array(text.utf8))
  }

  @Test(
    "refuses what RFC 8259 does not allow",
    arguments: [
      "", " ", "nul", "nulll", "True", "NaN", "Infinity", "-Infinity", "undefined", "+1", "01",
      "-01", "-", "1.", ".5", "-.5", "1e", "1e+", "1.e1", "0x10", "1 2", "1,", "1_000", "１",
      "\"", "\"a", "'a'", #""\x41""#, #""\a""#, #""\u12""#, #""\u12g4""#, #""\u 041""#, #""\""#,
      #""\ud83d""#, #""\ude00""#, #""\ud83d\u0041""#, #""\ud83dx""#, #""\ud83d\n""#,
      "\"\n\"", "\"\t\"", "\"\u{0}\"", "\"\u{1f}\"", "[", "]", "[1", "[1,", "[,1]", "[1,]", "[1 2]",
      "[1,,2]", "[1}", "{", "}", "{]", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{,"a":1}"#,
      #"{"a" 1}"#, "{a:1}", "{1:1}", "{'a':1}", #"{"a":1 "b":2}"#, #"{"a":1,,"b":2}"#, "{}}",
      "[]]", "[] []", "{} x", "/* */ 1", "1 // one", "\u{feff}1", "\u{a0}1", "\u{c}1", "[\u{b}]",
      "\u{0}", "1\u{0}", "[1\u{0}]", "# 1", "(1)", "null null", #""a" "b""#, #""a":1"#, "--1", "1-1",
      "- 1", "1e1.5", "0.", "00", "0e", "-0.e1", "tru", "falsee",
    ])
  func refuses(_ text: String) {
    #expect(throws: JSONError.self) { try JSONDocument(bytes: Array(text.utf8)) }
  }

  @Test(
    "refuses strings that are not UTF-8",
    arguments: [
      [0x80], [0xC3], [0xC3, 0x28], [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80],
      [0xF4, 0x90, 0x80, 0x80], [0xFF], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xE2, 0x82],
    ] as [[UInt8]])
  func notUTF8(_ bytes: [UInt8]) {
    let quote = UInt8(ascii: "\"")
    #expect(throws: JSONError.self) { try JSONDocument(bytes: [quote] + bytes + [quote]) }
    let escaped = Array(#""\n"#.utf8) + bytes + [quote]
    #expect(throws: JSONError.self) { try JSONDocument(bytes: escaped) }
    #expect(throws: JSONError.self) { try JSONDocument(bytes: bytes) }
  }

  @Test("reads values")
  func values() throws {
    let text = #"""
      {"s":"a\u00e9\ud83d\ude00\/","i":-12,"d":1.5,"e":1e2,"b":true,"n":null,"a":[1,"x"],"t":3.0}
      """#
    let root = try JSONDocument(bytes: Array(text.utf8)).root
    #expect(root["s"]?.string == "aé😀/")
    #expect(root["i"]?.int == -12)
    #expect(root["d"]?.double == 1.5)
    #expect(root["d"]?.int == nil)
    #expect(root["e"]?.int == 100)
    #expect(root["t"]?.int == 3)
    #expect(root["b"]?.bool == true)
    #expect(root["n"]?.isNull == true)
    #expect(root["a"]?.array?.count == 2)
    #expect(root["a"]?.array?[1].string == "x")
    #expect(root["none"] == nil)
    #expect(root["s"]?.int == nil && root["i"]?.string == nil && root["s"]?["x"] == nil)
    #expect(root.object?.map(\.name) == ["s", "i", "d", "e", "b", "n", "a", "t"])
  }

  @Test("tells which whole numbers fit")
  func numbers() throws {
    func int(_ text: String) throws -> Int? { try JSONDocument(bytes: Array(text.utf8)).root.int }
    #expect(try int("9223372036854775807") == .max)
    #expect(try int("-9223372036854775808") == .min)
    #expect(try int("9223372036854775808") == nil)
    #expect(try int("1e400") == nil)
    #expect(try int("1.5") == nil)
    #expect(try int("-0") == 0)
    #expect(try int("1e-1") == nil)
  }

  @Test("takes the last of members with one name, or refuses them")
  func duplicates() throws {
    let bytes = Array(#"{"a":1,"\u0061":2}"#.utf8)
    #expect(try JSONDocument(bytes: bytes).root["a"]?.int == 2)
    #expect(throws: JSONError.self) { try JSONDocument(bytes: bytes, refusesDuplicates: true) }
    let apart = Array(#"{"a":{"b":1},"c":{"b":2}}"#.utf8)
    _ = try JSONDocument(bytes: apart, refusesDuplicates: true)
  }

  @Test("bounds the depth, so that no text can exhaust the stack")
  func depth() throws {
    func nested(_ count: Int) -> [UInt8] {
      Array((String(repeating: "[", count: count) + String(repeating: "]", count: count)).utf8)
    }
    _ = try JSONDocument(bytes: nested(64))
    #expect(throws: JSONError.self) { try JSONDocument(bytes: nested(65)) }
    #expect(throws: JSONError.self) { try JSONDocument(bytes: nested(100_000)) }
    let objects = String(repeating: #"{"a":"#, count: 100_000)
    #expect(throws: JSONError.self) { try JSONDocument(bytes: Array(objects.utf8)) }
    #expect(throws: JSONError.self) { try JSONDocument(bytes: nested(3), depthLimit: 1) }
  }

  @Test("says where it stopped")
  func offset() {
    for (text, offset) in [("1  x", 3), (#"{"a":1]"#, 6), ("", 0), (#"["a\q"]"#, 5)] {
      let error = #expect(throws: JSONError.self) { try JSONDocument(bytes: Array(text.utf8)) }
      #expect(error?.offset == offset)
      #expect(error?.reason.isEmpty == false)
    }
  }
}
