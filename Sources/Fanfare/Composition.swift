import EventLoop
import Jobs

/// A running gateway, as the composition root handles it.
@EventLoop
protocol RunningGateway: AnyObject, Sendable {
  /// The port that it listens on: the configured one, or the one the system gave for 0.
  var port: Int { get }
  /// Readiness fails from now on and no socket is let in; those there are go on, and so do requests.
  func stopAdmitting()
  /// Accepts no more connections, because another process does from the same socket; who was accepted is served.
  func stopListening()
  /// Reads its keys anew, and goes on with those of before where they are not sound. Sockets stay.
  func reload() async
  /// Asks the sockets away in jittered waves (3001), ends streams and answers long polls, and returns when they are
  /// gone and the requests in hand are answered, or at the end of the time.
  func drain(within time: Duration) async
}

/// Running workers, as the composition root handles them.
@EventLoop
protocol RunningWorkers: AnyObject, Sendable {
  /// The kinds of jobs that they run.
  var kinds: [String] { get }
  /// Called when they were told through the API to stop, and have; without one they can be started again.
  var whenStopped: (@EventLoop () -> Void)? { get set }
  /// Takes no more jobs; lets the running ones finish within the time, then stops them and gives
  /// them back. Returns when none runs.
  func drain(within time: Duration) async
}

/// What a process does for its broker while it runs, as the composition root handles it.
@EventLoop
protocol RunningUpkeep: AnyObject, Sendable {
  /// Does nothing more; a call that is under way ends by itself.
  func stop()
}

/// How the parts are made from the configuration. The one place that knows their concrete types;
/// tests put others in their place.
struct Composition: Sendable {
  /// Opens the broker; returns once it can be used.
  var broker: @Sendable (Configuration, StateFolder) async throws -> any Broker
  /// Begins to look after the broker: one a process.
  var upkeep: @Sendable (Configuration, StateFolder, any Broker) async throws -> any RunningUpkeep
  /// Starts a gateway; returns once it listens. With the keeper of its broker's backups.
  var gateway:
    @Sendable (Configuration, StateFolder, KeyStore, any Broker, BackupKeeper) async throws
      -> any RunningGateway
  /// Starts workers that take jobs at once.
  var workers: @Sendable (Configuration, StateFolder, any Broker) async throws -> any RunningWorkers
}
