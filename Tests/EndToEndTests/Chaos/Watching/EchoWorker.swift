import EventLoop
import Jobs
import Workers

/// Does most jobs within milliseconds. Of the kind `still` it says nothing meanwhile, so that each event of the job is
/// a change of state; of the kind `echo` it reports. A job may ask for its first attempt to fail.
struct EchoWorker: Worker {
  static let still = JobKind("still")!
  static let echo = JobKind("echo")!

  let kind: JobKind

  @concurrent func perform(_ job: JobContext) async throws -> Outcome {
    let asked = try JSONDocument(bytes: job.payload.bytes).root
    for step in 0..<(asked["steps"]?.int ?? 0) {
      if kind == Self.echo { job.report(Progress(percent: Double(10 + step * 4), stage: "step \(step)")) }
      // The work.
      await EventLoop.pause(for: .milliseconds(asked["pace"]?.int ?? 0))
    }
    if asked["fails"]?.bool == true, job.attempt == 1 {
      return .failed(JobFailure(code: "first", message: "the first attempt fails"))
    }
    return .completed(job.payload)
  }
}
