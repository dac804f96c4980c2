import Testing

@testable import Jobs

@Suite("A flat XML document") struct FlatXMLTests {
  private func document(_ text: String) -> FlatXML { FlatXML(Array(text.utf8)) }

  @Test("gives the texts of its elements, whatever stands around them")
  func texts() {
    let list = document(
      """
      <?xml version="1.0"?><List xmlns="http://x/"><Keys>no</Keys><Key>a</Key><Key/><Key >b &amp; &lt;c&gt; &#233;&#x2F;</Key>
      <Part><Key>d</Key></Part></List>
      """)
    #expect(list.elements("Key").map(\.text) == ["a", "b & <c> é/", "d"])
    #expect(list.first("Key") == "a")
    #expect(list.elements("Part").first?.first("Key") == "d")
    #expect(list.first("Nothing") == nil)
  }

  @Test(
    "is read to where it breaks off",
    arguments: ["", "<", "<Key", "<Key>", "<Key>a", "<Key>a</Key", "<Key", "&", "<Key/>", "<Keys>a</Keys>"])
  func halves(_ text: String) {
    #expect(document(text).first("Key") == nil)
  }

  @Test("keeps an entity that it does not know")
  func entities() {
    #expect(document("<Key>&nbsp; &#xFFFFFFF; & ;</Key>").first("Key") == "&nbsp; &#xFFFFFFF; & ;")
  }
}
