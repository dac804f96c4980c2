import Jobs
import Testing

@Suite("The JSON writer")
struct JSONWriterTests {
  @Test("writes members, arrays and objects with their commas")
  func nesting() {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("s", "a")
      writer.member("i", -3)
      writer.object("o") { writer in
        writer.object("empty") { _ in }
        writer.member("b", true)
      }
      writer.array("a") { writer in
        writer.element("x")
        writer.element(.emptyObject)
        writer.object { $0.member("n", 1) }
      }
      writer.array("none") { _ in }
      writer.fact("yes", true)
      writer.fact("no", false)
      writer.member(named: "k\"", .emptyObject)
      writer.member("last", JSONText.emptyObject)
    }
    #expect(
      writer.text.description == #"""
        {"s":"a","i":-3,"o":{"empty":{},"b":true},"a":["x",{},{"n":1}],"none":[],"yes":true,\#
        "k\"":{},"last":{}}
        """#)
  }

  @Test("leaves out what is nil")
  func absent() {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("a", String?.none)
      writer.member("b", Int?.none)
      writer.member("c", JSONText?.none)
      writer.member("d", Bool?.none)
      writer.member(tenths: "e", nil)
      writer.member("f", number: .nan)
      writer.member(tenths: "g", .infinity)
    }
    #expect(writer.text.description == "{}")
  }

  @Test(
    "writes tenths as people do",
    arguments: [(0, "0"), (41.2, "41.2"), (41.26, "41.3"), (99.9, "99.9"), (100, "100"), (0.5, "0.5")])
  func tenths(_ value: Double, _ expected: String) {
    var writer = JSONWriter()
    writer.object { $0.member(tenths: "p", value) }
    #expect(writer.text.description == "{\"p\":\(expected)}")
  }

  @Test("escapes strings so that they read back the same")
  func strings() throws {
    let string = String((0...UInt8.max).map { Character(Unicode.Scalar($0)) }) + "é😀\u{2028}\u{10ffff}"
    var writer = JSONWriter()
    writer.object { $0.member("s", string) }
    #expect(!writer.bytes.contains { $0 < 0x20 }, "nothing breaks the line")
    #expect(try JSONDocument(bytes: writer.bytes).root["s"]?.string == string)
  }

  @Test(
    "writes numbers so that they read back the same", arguments: [0.1, 1e300, Double.leastNonzeroMagnitude, -2.5, 3])
  func numbers(_ value: Double) throws {
    var writer = JSONWriter()
    writer.object { $0.member("n", number: value) }
    #expect(try JSONDocument(bytes: writer.bytes).root["n"]?.double == value)
  }
}
