package import Jobs

/// The code that does jobs of one kind. One object serves all jobs of its kind, many at a time.
package protocol Worker: Sendable {
  /// The kind of the jobs it takes.
  var kind: JobKind { get }

  /// The longest a run may take when its job says nothing; nil for no limit.
  var defaultTimeout: Duration? { get }

  /// When a failed run is tried again.
  var retryPolicy: RetryPolicy { get }

  /// Does the job. Called on Swift's pool, never on the event loop; must not block a thread for long:
  /// heavy work is a child process (``JobContext/run(_:onOutput:onError:)``).
  ///
  /// May throw what it likes: a ``Jobs/JobFailure`` is told as it is, anything else as `worker_error`;
  /// both are tried again by ``retryPolicy``. When the run is to end, the task is cancelled and the
  /// children are ended: return or throw soon after; what is then returned, unless it is completion,
  /// does not matter.
  @concurrent func perform(_ job: JobContext) async throws -> Outcome
}

extension Worker {
  package var defaultTimeout: Duration? { nil }
  package var retryPolicy: RetryPolicy { .standard }
}
