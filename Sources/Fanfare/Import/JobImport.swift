import EventLoop
import Foundation
import Jobs

/// Moves the jobs of another system's queues into a broker of ours, in the order in which they would be run.
///
/// Each is accepted here first, under an id and an idempotency key that are always the same for it, and then removed
/// there: cut off anywhere and begun again it doubles nothing and loses nothing. A job that a worker of the other
/// system takes in between is withdrawn here, if this call has accepted it.
@EventLoop
struct JobImport {
  let source: any ForeignQueues
  let rules: ImportRules
  let withFailed: Bool
  /// Nil: it is only looked at.
  let target: Target?
  /// Hears of each job.
  let progressed: (ImportReport.Entry) -> Void

  /// Where jobs go.
  struct Target {
    var broker: any Broker
    var payloads: PayloadStore
    var sizeLimit: Int
  }

  /// Moves all jobs of these queues, or of all there are. Throws where the one Redis or the other cannot be reached:
  /// what was moved until then is moved.
  func run(_ queues: [String]) async throws -> ImportReport {
    var report = ImportReport(system: source.system, isMove: target != nil)
    var known: Set<String> = []
    let names = queues.isEmpty ? try await source.names() : queues
    for name in names {
      report.begin(name, others: try await source.others(in: name))
      for jobs in try await source.jobs(in: name, withFailed: withFailed) {
        for id in jobs.ids {
          let outcome: ImportReport.Entry.Outcome
          do {
            outcome = try await move(id, of: name, at: jobs.place, known)
            known.insert(id)
          } catch let fault as ForeignJobFault { outcome = .left(reason: fault.description) }
          let entry = ImportReport.Entry(queue: name, id: id, place: jobs.place, outcome: outcome)
          report.add(entry)
          progressed(entry)
        }
      }
    }
    return report
  }

  private func move(
    _ id: String, of queue: String, at place: ForeignPlace, _ known: Set<String>
  ) async throws -> ImportReport.Entry.Outcome {
    let job = try await source.job(id, in: queue, at: place, rules)
    var request = try await request(for: job, id, queue)
    request.dependencies = JobDependencies(
      parents: try await parents(of: job, queue, known), whenOneFails: job.whenOneFails)
    guard let target else { return .moved(request.id, kind: request.kind) }
    let acceptance = try await accept(request, target)
    switch try await source.remove(id, from: queue, at: place) {
    case .removed, .gone: break
    case .taken:
      // It runs there. Another import that has accepted the same job goes on without it as well.
      if !acceptance.isReplay { _ = try await target.broker.remove(acceptance.job.id) }
      throw ForeignJobFault("a worker took it")
    }
    return .moved(acceptance.job.id, kind: request.kind)
  }

  private func request(for job: ForeignJob, _ id: String, _ queue: String) async throws -> JobRequest {
    guard let name = rules.queue ?? QueueName(queue) else {
      throw ForeignJobFault("\"\(queue)\" is no name of a queue: give one with --queue")
    }
    let payload = try await Slideshow(job, target, user: owner(of: job)).payload
    if let target, payload.bytes.count > target.sizeLimit {
      throw ForeignJobFault("its payload has \(payload.bytes.count) bytes: payloads.max_size is \(target.sizeLimit)")
    }
    return JobRequest(
      id: source.id(of: id, in: queue), queue: name, kind: job.kind, user: owner(of: job), payload: payload,
      priority: job.priority, start: job.start, maxAttempts: job.maxAttempts, retry: job.retry, timeout: job.timeout,
      startWithin: job.startWithin, idempotencyKey: "import:\(source.system):\(queue):\(id)")
  }

  private func owner(of job: ForeignJob) -> String {
    guard let pointer = rules.userPointer, let root = try? JSONDocument(bytes: job.payload.bytes).root,
      let value = pointer.value(in: root)
    else { return rules.user }
    let text = value.string ?? value.int.map { "\($0)" } ?? ""
    return (1...255).contains(text.utf8.count) ? text : rules.user
  }

  /// Those that it has to wait for, by their ids here.
  private func parents(of job: ForeignJob, _ queue: String, _ known: Set<String>) async throws -> [JobID] {
    var parents: [JobID] = []
    for parent in job.parents {
      switch try await source.standing(of: parent) {
      case .completed: continue
      case .unfinished where target != nil || !known.contains(parent):
        throw ForeignJobFault("it waits for \(parent), which stays")
      case .unknown where target == nil: throw ForeignJobFault("it waits for \(parent), which is not on record")
      case .unfinished, .unknown: parents.append(source.id(of: parent, in: queue))
      }
    }
    guard parents.count <= JobDependencies.limit else {
      throw ForeignJobFault("it waits for more than \(JobDependencies.limit) jobs")
    }
    return parents
  }

  private func accept(_ request: JobRequest, _ target: Target) async throws -> Acceptance {
    do throws(PayloadStore.SubmissionFault) {
      return try await target.payloads.submit(request) { moved throws(BrokerError) in
        try await target.broker.enqueue(moved)
      } isKept: {
        !$0.isReplay || $0.job.id == request.id
      }
    } catch {
      switch error {
      case .store(let fault): throw CommandFailure(description: "a payload cannot be kept: \(fault)", status: .failed)
      case .broker(.unavailable): throw CommandFailure(description: "the broker went away", status: .failed)
      case .broker(let refusal): throw ForeignJobFault(refusal.whyLeft)
      }
    }
  }
}

extension BrokerError {
  /// Why a job of another system is not ours.
  fileprivate var whyLeft: String {
    switch self {
    case .parentNotFound(let id): "it waits for a job that is not on record, \(id) by its id here"
    case .idempotencyKeyReused: "it was imported before, in another form"
    case .queueFull(let limit): "the queue is full: it holds \(limit) jobs"
    case .queueDraining: "the queue takes no jobs: it is drained"
    case .payloadTooLarge(let limit): "its payload is larger than \(limit) bytes"
    default: "the broker refused it: \(self)"
    }
  }
}
