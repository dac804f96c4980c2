import EventLoop
import Gateway
import Jobs
import Testing

@Suite("What a turn of the loop published") struct PublicationBatchTests {
  private let job = JobID()

  @EventLoop private func batch(_ offsets: ClosedRange<UInt64>) -> PublicationBatch {
    PublicationBatch(
      ContiguousArray(
        offsets.map { Publication(.example(job, offset: $0, class: .progress), on: .job(job)) }))
  }

  @Test("is the very frame where it is one, and frames one behind the other where it is more")
  @EventLoop func frames() {
    let one = batch(1...1)
    #expect(one.push === one.publications[0].push)
    let three = batch(1...3)
    #expect(three.push.bytes == three.publications.flatMap(\.push.bytes))
    #expect(three.push.parts.count == 3)
    #expect(three.push === three.push)
  }
}
