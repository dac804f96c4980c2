import EventLoop
import Foundation
import History
import Jobs
import Logging
import Support

extension Logger {
  static let silent = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
}

/// The changes of a job that ends well, of one that fails, and of one that waits.
@EventLoop
func exampleEntries() async throws -> [FeedEntry] {
  let folder = TemporaryFolder()
  let broker = try await EmbeddedBroker.open(at: folder.path, logger: .silent)
  let consumer = FeedConsumer("test")
  try await broker.register(consumer, bound: 1000)
  for number in 0..<3 {
    var request = JobRequest(kind: JobKind("example")!, user: "alice o'\"x\\", priority: Priority(number + 4)!)
    request.isRecorded = true
    request.maxAttempts = 1
    if number == 2 { request.start = .after(.seconds(600)) }
    _ = try await broker.enqueue(request)
  }
  let leases = try await broker.lease(from: [.default], limit: 2, for: .seconds(30), by: WorkerID("w")!).map(\.lease)
  let result = JSONText(unchecked: Array(#"{"é":"\u0000","n":[1,2]}"#.utf8))
  _ = try await broker.settle(leases[0], .complete(result))
  _ = try await broker.settle(
    leases[1], .fail(JobFailure(code: "exit_status", message: "It said \0 and ended."), retry: .never))
  let entries = try await broker.feed(for: consumer, holder: "a", lease: .seconds(9), limit: 100).entries
  await broker.close()
  return entries
}
