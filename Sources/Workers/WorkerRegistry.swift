package import Jobs

/// Which worker does which kind.
package struct WorkerRegistry: Sendable {
  private var workers: [JobKind: any Worker] = [:]

  /// Two workers of one kind are a fault of the composition and crash.
  package init(_ workers: [any Worker] = []) {
    for worker in workers { register(worker) }
  }

  /// Adds a worker; its kind must be free.
  package mutating func register(_ worker: any Worker) {
    precondition(workers[worker.kind] == nil, "two workers of the kind \(worker.kind)")
    workers[worker.kind] = worker
  }

  package subscript(kind: JobKind) -> (any Worker)? { workers[kind] }

  /// Sorted by name.
  package var kinds: [JobKind] { workers.keys.sorted { $0.description < $1.description } }
}
