import Jobs

extension JobEvent {
  /// An event of a job that runs, at this offset.
  static func example(_ id: JobID, offset: UInt64, class: JobEvent.Class) -> JobEvent {
    JobEvent(
      class: `class`, id: id, user: "alice", position: StreamPosition(offset: offset, epoch: "0a0b0c0d"),
      at: Timestamp(milliseconds: 1_780_000_000_000), state: .running, attempt: 1)
  }
}
