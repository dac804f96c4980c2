import Foundation
package import Jobs
package import Logging
import Subprocess
import SystemPackage

/// A small process beside this one that outlives it by a moment and kills its children.
///
/// Nothing in a process that is killed by SIGKILL can still act. `PR_SET_PDEATHSIG` does not serve:
/// it dies with the *thread* that started the child, cannot be set through swift-subprocess, and does
/// not reach grandchildren. So one guard a process waits on a pipe whose other end only we hold. When
/// the pipe ends, we have ended: it kills the process groups it was told of, and every process that
/// carries our name in its environment, which also covers one started in the very last moment.
package final class OrphanGuard: Sendable {
  /// The variable that marks every descendant of a worker.
  static let mark = "FANFARE_WORKER"

  /// The whole program of the guard. No word of a job passes through it: its input is numbers of ours.
  private static let script = """
    trap '' HUP INT TERM
    groups=' '
    while read -r verb group; do
      case $verb in
        +) groups="$groups$group " ;;
        -) groups="${groups%% $group *} ${groups#* $group }" ;;
      esac
    done
    for group in $groups; do kill -s KILL -- "-$group"; done 2>/dev/null
    for round in 1 2 3 4 5; do
      found=
      for entry in /proc/[0-9]*; do
        if grep -qszxF -- "FANFARE_WORKER=$1" "$entry/environ"; then
          kill -s KILL "${entry#/proc/}" && found=yes
        fi
      done 2>/dev/null
      [ "$found" ] || break
    done
    """

  private let messages: AsyncStream<String>.Continuation
  private let process: Task<Void, Never>

  /// Starts the guard of `worker`.
  package init(of worker: WorkerID, logger: Logger) {
    // A write to a guard that somebody killed must not kill us; children start with the default.
    Foundation.signal(SIGPIPE, SIG_IGN)
    let (stream, messages) = AsyncStream<String>.makeStream()
    self.messages = messages
    process = Task { @concurrent in
      var options = PlatformOptions()
      // Away from a terminal's Ctrl-C, which reaches us and would reach the guard too.
      options.processGroupID = 0
      do {
        _ = try await Subprocess.run(
          .path("/bin/sh"), arguments: ["-c", Self.script, "fanfare-guard", worker.description],
          environment: .custom(["PATH": ChildCommand.path]), workingDirectory: "/",
          platformOptions: options, input: .inputWriter, output: .discarded, error: .discarded
        ) { execution in
          for await message in stream {
            _ = try await execution.standardInputWriter.write(Array(message.utf8))
          }
        }
      } catch {
        logger.error(
          "the guard has ended: jobs would outlive a kill of this process",
          metadata: ["error": "\(error)"])
      }
    }
  }

  /// From now on the group dies with us.
  func watch(group: pid_t) { messages.yield("+ \(group)\n") }

  /// The group has ended; its number may become another's.
  func forget(group: pid_t) { messages.yield("- \(group)\n") }

  /// Lets the guard do its last work, as at our death, and waits until it has.
  package func close() async {
    messages.finish()
    await process.value
  }

  deinit { messages.finish() }
}
