import EventLoop

extension EmbeddedBroker: ScheduleBook {
  @discardableResult
  package func put(_ schedule: Schedule, next: Timestamp?) async throws(BrokerError) -> Timestamp? {
    try requireOpen()
    var status = store.table.schedules[schedule.name] ?? ScheduleStatus(schedule: schedule)
    if status.next == nil || !schedule.hasTimes(of: status.schedule) { status.next = next }
    status.schedule = schedule
    store.change(status, schedule.name)
    try await store.kept()
    return status.next
  }

  package func remove(_ name: ScheduleName) async throws(BrokerError) -> Bool {
    try requireOpen()
    guard store.table.schedules[name] != nil else { return false }
    store.change(nil, name)
    try await store.kept()
    return true
  }

  package func schedules() async throws(BrokerError) -> [ScheduleStatus] {
    try requireOpen()
    await settled()
    return store.table.schedules.values.sorted { $0.schedule.name < $1.schedule.name }
  }

  package func fire(
    _ name: ScheduleName, due: Timestamp, request: JobRequest, next: Timestamp?
  ) async throws(BrokerError) -> JobID? {
    try requireOpen()
    guard var status = store.table.schedules[name], status.next == due else { return nil }
    let now = clock()
    // What the queue refuses may be tried again: the schedule then stands where it stood.
    let id = try submit(request, isBounded: true, at: now)
    status.next = next
    status.lastFiredAt = now
    status.lastJob = id
    store.change(status, name)
    try await store.kept()
    return id
  }

  /// The job that a request becomes, or that answers it already.
  func submit(
    _ request: JobRequest, isBounded: Bool, at now: Timestamp
  ) throws(BrokerError) -> JobID {
    guard request.payload.bytes.count <= JobRequest.payloadLimit else {
      throw .payloadTooLarge(limit: JobRequest.payloadLimit)
    }
    if let (record, _) = try earlier(request, at: now) { return record.job.id }
    return try accept(request, isBounded: isBounded, at: now).job.id
  }
}
