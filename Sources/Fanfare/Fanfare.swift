import ArgumentParser
import Foundation

/// The command line. What each command does stands with it in Commands/.
@main
struct Fanfare: AsyncParsableCommand {
  /// The version of the program, told to gateways and clients.
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "fanfare",
    abstract: "A WebSocket push gateway for background jobs.",
    version: version,
    subcommands: [
      Serve.self, Reload.self, Work.self, Submit.self, Watch.self, JobsCommand.self, GroupsCommand.self,
      QueuesCommand.self, WorkersCommand.self, NodesCommand.self, SchedulesCommand.self, HealthCommand.self,
      MaintenanceCommand.self, ImportCommand.self, MonitorCommand.self,
      Token.self,
      Check.self, Backup.self, Restore.self, Doctor.self,
    ])

  /// Runs the command that is asked for and ends with its status: 0, or 1 for a failure, 2 for what
  /// was not understood or was refused, 3 for a job that was cancelled.
  static func main() async {
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      let (status, message, isAnswer) = ExitStatus.judge(error)
      let output = isAnswer ? FileHandle.standardOutput : FileHandle.standardError
      if !message.isEmpty { output.write(Data((message + "\n").utf8)) }
      Foundation.exit(status)
    }
  }
}
