import EventLoop
import Gateway
import Jobs
import Testing

@Suite("An upload") struct UploadTests {
  @Test("is found where its Location says, by its owner alone")
  func location() async throws {
    try await SessionHarness.run { harness in
      let made = try await harness.ask(
        .post, "/v1/uploads?name=clip.mp4", "bytes", headers: ["content-type": "video/mp4"])
      #expect(made.status == 201)
      let location = try #require(made.headers["location"])
      let found = try await harness.ask(.get, location)
      #expect(found.status == 200)
      #expect(found.body.text == made.body.text)
      #expect(found["bytes"]?.int == 5 && found["content_type"]?.string == "video/mp4")
      #expect(try await harness.ask(.get, location, by: "bob").status == 404)
      #expect(try await harness.ask(.get, "/v1/uploads/upl_nonsense").status == 404)
      #expect(try await harness.ask(.get, "/v1/uploads/..%2f..").status == 404)
    }
  }
}
