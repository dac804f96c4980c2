import Jobs
import Testing

@Suite("A channel")
struct ChannelTests {
  @Test("reads back from its name")
  func roundTrip() {
    let id = JobID()
    for channel in [Channel.job(id), .user("alice"), .user("a:b c/é"), .user("user:")] {
      #expect(Channel(channel.description) == channel)
    }
    #expect(Channel.job(id).description == "job:\(id)")
    #expect(Channel.user("alice").description == "user:alice")
  }

  @Test(
    "is no other name",
    arguments: [
      "", "job:", "job:x", "job", "user", "user:", "users:alice", "JOB:01977420", " user:alice",
      "job:01977420-dc7b-4000-8000-000000000000", "queue:mail", "alice",
    ])
  func refused(_ name: String) {
    #expect(Channel(name) == nil)
  }
}
