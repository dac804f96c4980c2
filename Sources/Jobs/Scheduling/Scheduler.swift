package import EventLoop
package import Logging

/// Fires schedules when they are due: every node does it, none leads, and the broker lets one of them win
/// (``ScheduleBook/fire(_:due:request:next:)``).
///
/// Wakes at the nearest moment it knows, and reads the book anew every few seconds, at slightly different
/// times on each node. A moment that passed while nobody could fire is fired once, however many were missed;
/// the schedule goes on with the first moment to come. A job whose payload is too large for the broker's record gets
/// a file of its own each time, before the broker is asked; who was not the first removes its own again.
@EventLoop
package final class Scheduler {
  private let book: any ScheduleBook
  private let payloads: PayloadStore
  private let interval: Duration
  private let clock: @Sendable () -> Timestamp
  private let logger: Logger
  private var plan = SchedulePlan()
  private var timer: LoopTimer?
  private var isStopped = false
  private var wasReadable = true

  /// Fires from now on, until let go or ``stop()``ped; reads the book about every `interval`.
  package init(
    of book: any ScheduleBook, payloads: PayloadStore, every interval: Duration = .seconds(5),
    clock: @escaping @Sendable () -> Timestamp = { .now }, logger: Logger
  ) {
    self.book = book
    self.payloads = payloads
    self.interval = interval
    self.clock = clock
    self.logger = logger
    look(in: .zero)
  }

  /// Fires no more. A call that is under way ends by itself.
  package func stop() {
    isStopped = true
    timer = nil
  }

  private func look(in delay: Duration) {
    timer = LoopTimer(after: delay) { [weak self] in
      Task { [weak self] in await self?.look() }
    }
  }

  private func look() async {
    guard !isStopped else { return }
    do throws(BrokerError) {
      plan.read(try await book.schedules())
      wasReadable = true
      for status in plan.due(at: clock()) where !isStopped { try await fire(status) }
    } catch {
      if wasReadable, !isStopped {
        logger.warning("schedules cannot be fired at present", metadata: ["error": "\(error)"])
      }
      wasReadable = false
    }
    guard !isStopped else { return }
    let longest = interval * Double.random(in: 0.75...1.25)
    // After a fault of the broker what is due is due yet: it is not asked again at once.
    look(in: wasReadable ? plan.wait(at: clock(), upTo: longest) : longest)
  }

  /// Throws only what concerns the whole book.
  private func fire(_ status: ScheduleStatus) async throws(BrokerError) {
    let schedule = status.schedule
    guard let due = status.next else { return }
    // A machine that does not know the zone must not settle when it fires next.
    guard schedule.zone != nil else { return fail(schedule, "its time zone is not known here") }
    let next = schedule.next(after: max(due, clock()))
    let occurrence = schedule.occurrence
    do throws(PayloadStore.SubmissionFault) {
      let job = try await payloads.submit(occurrence) { request async throws(BrokerError) in
        try await book.fire(schedule.name, due: due, request: request, next: next)
      } isKept: {
        $0 == occurrence.id
      }
      // Where another node was quicker the book knows what is next; it is read again soon.
      plan.settled(schedule.name, next: job == nil ? nil : next)
      if let job {
        logger.info(
          "a schedule fired", metadata: ["schedule": "\(schedule.name)", "job": "\(job)"])
      }
    } catch {
      switch error {
      case .broker(.unavailable): throw .unavailable
      case .broker(let error): fail(schedule, "\(error)")
      case .store(let error): fail(schedule, "its payload cannot be kept: \(error)")
      }
    }
  }

  private func fail(_ schedule: Schedule, _ reason: String) {
    guard plan.failed(schedule.name, because: reason, at: clock()), !isStopped else { return }
    logger.error(
      "a schedule could not be fired; it is tried again",
      metadata: ["schedule": "\(schedule.name)", "error": "\(reason)"])
  }
}
