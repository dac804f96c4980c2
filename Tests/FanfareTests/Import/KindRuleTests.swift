import Jobs
import Testing

@testable import Fanfare

@Suite("The rules of an import") struct KindRuleTests {
  @Test("name a kind, and the arguments if they are told")
  func rules() throws {
    let plain = try #require(KindRule("app.tasks.render=ffmpeg"))
    #expect(plain.name == "app.tasks.render" && plain.kind == JobKind("ffmpeg") && plain.arguments == nil)
    let named = try #require(KindRule("app.tasks.render(input, output)=ffmpeg"))
    #expect(named.name == "app.tasks.render" && named.arguments == ["input", "output"])
    #expect(KindRule("render()=ffmpeg")?.arguments == [])
  }

  @Test("are refused where they are none", arguments: ["render", "=ffmpeg", "render=", "a)=b", "a(x,x)=b", "a=b c"])
  func faults(_ text: String) { #expect(KindRule(text) == nil) }

  @Test("point at a place in a payload")
  func pointers() throws {
    let root = try JSONDocument(bytes: Array(#"{"user":{"a/b":["x",7]}}"#.utf8)).root
    #expect(JSONPointer("/user/a~1b/0")?.value(in: root)?.string == "x")
    #expect(JSONPointer("/user/a~1b/1")?.value(in: root)?.int == 7)
    #expect(JSONPointer("/user/a~1b/2")?.value(in: root) == nil)
    #expect(JSONPointer("/nobody")?.value(in: root) == nil)
    #expect(JSONPointer("user") == nil)
  }
}
