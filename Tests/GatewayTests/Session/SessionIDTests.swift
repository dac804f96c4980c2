import EventLoop
import Foundation
import Gateway
import Testing

@Suite("The name of a session") struct SessionIDTests {
  @Test("is a random UUID in lower case")
  @EventLoop func form() throws {
    for _ in 0..<100 {
      let text = SessionID().description
      #expect(try #require(UUID(uuidString: text)).uuidString.lowercased() == text)
      #expect(Array(text)[14] == "4")
      #expect("89ab".contains(Array(text)[19]))
    }
    #expect(Set((0..<1000).map { _ in SessionID().description }).count == 1000)
  }
}
