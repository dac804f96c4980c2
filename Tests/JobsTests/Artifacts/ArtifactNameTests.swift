import Jobs
import Testing

@Suite("An artifact's name") struct ArtifactNameTests {
  @Test(
    "is refused when it could name anything but one file of its folder",
    arguments: [
      "", ".", "..", ".hidden", "../up", "a/b", "/etc/passwd", "a\\b", "a\0b", "a\nb", "tab\t",
      "\u{7F}", "\u{85}", ".\u{301}x", "exe\u{202E}gpj.mp4", "line\u{2028}break",
      String(repeating: "a", count: 201), String(repeating: "ä", count: 101),
    ])
  func refused(_ text: String) { #expect(ArtifactName(text) == nil) }

  @Test(
    "may hold what people call their files",
    arguments: [
      "output.mp4", "Ferien 2024 – Teil 1.mp4", "动画.webm", "a..b", "-dash", "%2e%2e", "~", "a:b",
      String(repeating: "ä", count: 100),
    ])
  func accepted(_ text: String) { #expect(ArtifactName(text)?.description == text) }

  @Test("tells a type that no browser runs")
  func types() {
    #expect(ArtifactName("A.MP4")?.contentType == "video/mp4")
    for name in ["x.html", "x.svg", "x.js", "x.xhtml", "x", "x."] {
      #expect(ArtifactName(name)?.contentType == "application/octet-stream")
    }
  }
}
