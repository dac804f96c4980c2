import EventLoop
import Gateway
import Jobs
import Testing

@Suite("A publication") struct PublicationTests {
  private func group(_ state: JobGroup.State) -> JobGroup {
    JobGroup(
      id: GroupID(), user: "alice", name: "a", state: state, counts: [.completed: 2, .running: 1],
      weight: 3, weightedPermille: 2500, createdAt: Timestamp(milliseconds: 1000),
      finishedAt: state == .finished ? Timestamp(milliseconds: 2000) : nil,
      position: StreamPosition(offset: 7, epoch: "0a0b0c0d"))
  }

  @Test("of a group is the whole group, numbered, and superfluous behind a newer one but for the end")
  @EventLoop func groups() throws {
    let open = group(.open)
    let publication = Publication(.group(open))
    #expect(publication.isProgress && !publication.isTerminal)
    let push = try json(String(decoding: publication.push.payload, as: UTF8.self))["push"]
    #expect(push?["channel"]?.string == "group:\(open.id)")
    #expect(push?["pub"]?["offset"]?.int == 7)
    let counts =
      #"{"scheduled":0,"blocked":0,"queued":0,"running":1,"retrying":0,"completed":2,"failed":0,"cancelled":0}"#
    #expect(
      push?["pub"]?["data"]?.text.description == """
        {"event":"group","id":"\(open.id)","user":"alice","name":"a","state":"open","jobs":3,"pending":1,\
        "counts":\(counts),"percent":83.3,"created_at":1000,"offset":7,"epoch":"0a0b0c0d"}
        """)
    let event = String(decoding: publication.serverSentEvent.bytes, as: UTF8.self)
    #expect(event.hasPrefix("id: 0a0b0c0d-7\nevent: group\ndata: {"))
    #expect(!Publication(.group(group(.closed))).isTerminal)
    let end = Publication(.group(group(.finished)))
    #expect(!end.isProgress && end.isTerminal)
  }

  @Test("of an interruption is no step of anything, and is never dropped")
  @EventLoop func delivery() throws {
    let id = JobID()
    let publication = Publication(isDelivering: false, on: .job(id))
    #expect(!publication.isProgress && !publication.isTerminal && publication.position == nil)
    let push = try json(String(decoding: publication.push.payload, as: UTF8.self))["push"]
    #expect(push?["channel"]?.string == "job:\(id)")
    #expect(push?["pub"]?.text.description == #"{"data":{"event":"delivery","id":"\#(id)","delivering":false}}"#)
    let event = String(decoding: publication.serverSentEvent.bytes, as: UTF8.self)
    #expect(event == "event: delivery\ndata: {\"event\":\"delivery\",\"id\":\"\(id)\",\"delivering\":false}\n\n")
    let users = Publication(isDelivering: true, on: .user("alice"))
    #expect(users.data.description == #"{"event":"delivery","delivering":true}"#)
  }
}
