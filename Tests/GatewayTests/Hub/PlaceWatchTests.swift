import Gateway
import Jobs
import Testing

@Suite("Watched places") struct PlaceWatchTests {
  private let a = JobID()
  private let b = JobID()

  private func place(_ position: Int) -> QueuePlace { QueuePlace(queue: .default, position: position) }

  private func seconds(_ least: Int, _ most: Int) -> WaitEstimate {
    WaitEstimate(least: .seconds(least), most: .seconds(most))
  }

  @Test("are asked for while a job may wait, and not once it is known that it does not")
  func asking() {
    var watch = PlaceWatch()
    watch.watch(a)
    watch.watch(b)
    #expect(Set(watch.ask()) == [a, b])
    #expect(watch.answered([a: place(1)]).map(\.job) == [a])
    #expect(watch.ask() == [a])
    watch.saw(.running, of: a)
    #expect(watch.isEmpty)
    watch.saw(.queued, of: a)
    #expect(watch.ask() == [a])
    watch.forget(a)
    #expect(watch.isEmpty)
  }

  @Test("are told once, and again when they change")
  func news() {
    var watch = PlaceWatch()
    watch.watch(a)
    #expect(watch.audience(of: .init(job: a, place: place(3))) == .everyone)
    #expect(watch.audience(of: .init(job: a, place: place(3))) == nil)
    #expect(watch.audience(of: .init(job: a, place: place(2))) == .everyone)
    #expect(watch.audience(of: .init(job: a, place: place(2), estimate: seconds(10, 60))) == .everyone)
    #expect(watch.audience(of: .init(job: a, place: place(2), estimate: seconds(11, 64))) == nil)
    #expect(watch.audience(of: .init(job: a, place: place(2), estimate: seconds(11, 70))) == .everyone)
  }

  @Test("are told to whoever comes later, and to the others only when they change")
  func newcomers() {
    var watch = PlaceWatch()
    watch.watch(a)
    #expect(watch.audience(of: .init(job: a, place: place(2))) == .everyone)
    for _ in 0..<2 {
      watch.watch(a)
      _ = watch.ask()
      #expect(watch.answered([a: place(2)]).count == 1)
      #expect(watch.audience(of: .init(job: a, place: place(2))) == .newcomers)
      #expect(watch.audience(of: .init(job: a, place: place(2))) == nil)
    }
    watch.watch(a)
    #expect(watch.audience(of: .init(job: a, place: place(1))) == .everyone)
    #expect(watch.audience(of: .init(job: a, place: place(1))) == nil)
    // It ran, and waits again: nobody knows where.
    watch.saw(.running, of: a)
    watch.saw(.queued, of: a)
    #expect(watch.audience(of: .init(job: a, place: place(1))) == .everyone)
  }

  @Test("are not told from an answer that is older than an event")
  func race() {
    var watch = PlaceWatch()
    watch.watch(a)
    watch.watch(b)
    _ = watch.ask()
    watch.saw(.running, of: a)
    watch.saw(.queued, of: b)
    #expect(watch.answered([a: place(1)]).isEmpty)
    #expect(watch.ask() == [b], "the event said that it waits")
    #expect(watch.audience(of: .init(job: a, place: place(1))) == nil)
  }

  @Test("are asked for in turns where they are many")
  func turns() {
    var watch = PlaceWatch(batch: 2)
    let jobs = (0..<5).map { _ in JobID() }
    for job in jobs { watch.watch(job) }
    var asked: [JobID] = []
    for _ in 0..<3 { asked += watch.ask() }
    #expect(asked.sorted() == jobs.sorted())
  }
}
