import ArgumentParser
import EventLoop
import Foundation
import Jobs
import Logging

/// `fanfare backup`: a copy of everything the broker holds.
struct Backup: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Back the broker up: queues, schedules, groups and jobs, in their order.",
    discussion: """
      Works while gateways and workers do, if the broker is a Redis. A gateway on an embedded broker backs it up \
      itself, every backup.interval and at its end, and when it is asked to: fanfare backup now.
      """,
    subcommands: [Write.self, Now.self, List.self, Verify.self, Restore.self], defaultSubcommand: Write.self)

  /// `fanfare backup write`
  struct Write: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Write a backup.")

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .long, help: "The file to write; else one in backup.folder, which keeps the newest.")
    var to: String?

    func run() async throws {
      let tool = BrokerTool(try options.load())
      let path = to
      let payloads = try tool.payloads()
      let summary = try await tool.withBroker { broker in
        if let path { return try await BackupFile.write(broker, payloads, to: path) }
        let keeper = await EventLoop.run {
          BackupKeeper(
            of: broker, payloads, in: tool.backups, every: nil, keeping: tool.configuration.backup.keep,
            logger: Logger(label: "fanfare.backup"))
        }
        return try await keeper.backUp()
      }
      Terminal.say(summary.line)
    }
  }

  /// `fanfare backup now`
  struct Now: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let a gateway write a backup now, into its own folder.")
    @OptionGroup var options: OperatorOptions

    func run() throws {
      try options.ask("POST", "/v1/backups") { backup in
        Terminal.say(
          "\(Listing.text(backup, "name")): \(Listing.text(backup, "entries")) entries, "
            + "\(Listing.text(backup, "jobs")) of them jobs, \(Listing.text(backup, "bytes")) bytes")
      }
    }
  }

  /// `fanfare backup list`
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the backups that a gateway keeps.")
    @OptionGroup var options: OperatorOptions

    func run() throws {
      try options.ask("GET", "/v1/backups") { answer in
        var table = TextTable("BACKUP", "BYTES", "AGE")
        for backup in answer["backups"]?.array ?? [] {
          table.add([
            Listing.text(backup, "name"), Listing.text(backup, "bytes"),
            Listing.age(backup, "created_at", Date()),
          ])
        }
        table.say(or: "There are no backups yet.")
      }
    }
  }

  /// `fanfare backup verify`
  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Read a backup to its end: whether it is whole and unchanged.")

    @Argument(help: "The file.")
    var path: String

    func run() async throws {
      do { Terminal.say(try await BackupFile.verify(path).line) } catch let error as BackupError {
        throw CommandFailure(description: "\(error)", status: .failed)
      }
    }
  }
}

extension Backup {
  /// `fanfare backup restore`
  struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let a gateway take in, by id, one of the backups that it keeps.",
      discussion: "What its broker has already stays as it is. fanfare backup list tells the names.")
    @OptionGroup var options: OperatorOptions

    @Argument(help: "The name of the backup.")
    var name: String

    func run() throws {
      try options.ask("POST", "/v1/backups/\(name.pathEscaped)/restore") { done in
        Terminal.say(
          "Restored \(Listing.text(done, "restored")), known \(Listing.text(done, "known")), duplicates "
            + "\(done["duplicates"]?.array?.count ?? 0). The file is now \(Listing.text(done, "name")).restored.")
      }
    }
  }
}

/// `fanfare restore`: a backup taken in.
struct Restore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Take a backup in: into an empty broker, or by id into one that lives.",
    discussion: """
      What the broker has already stays as it is. The file is read to its end first, and set aside as FILE.restored \
      once the broker holds as many entries as it does. The folder of an embedded broker is its gateway's while that \
      runs: fanfare backup restore has the gateway do it.
      """)

  @OptionGroup var options: ConfigurationOptions

  @Argument(help: "The file; else the newest of backup.folder.")
  var path: String?

  func run() async throws {
    let tool = BrokerTool(try options.load())
    let path = try path ?? newest(in: tool.backups)
    let payloads = try tool.payloads()
    do {
      let (summary, report) = try await tool.withBroker { broker in
        try await BackupFile.restore(path, into: broker, payloads)
      }
      Terminal.say(summary.line)
      Terminal.say(
        "Restored \(report.restored), known \(report.known), duplicates \(report.duplicates.count). "
          + "The file is now \(path).restored.")
    } catch let error as BackupError {
      throw CommandFailure(description: "\(error)", status: .failed)
    }
  }

  private func newest(in folder: String) throws -> String {
    guard let name = try? BackupKeeper.wholeBackups(in: folder).last else {
      throw CommandFailure(description: "there is no backup in \(folder)")
    }
    return "\(folder)/\(name)"
  }
}

extension String {
  /// As one part of a path.
  fileprivate var pathEscaped: String {
    addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-._~"))) ?? self
  }
}

extension BackupFile.Summary {
  /// For people.
  fileprivate var line: String {
    "\(path): \(entries) entries, \(jobs) of them jobs, \(bytes) bytes, of \(createdAt.text)"
      + (missingPayloads == 0 ? "" : "; \(missingPayloads) payloads could not be read and are missing")
  }
}

extension Timestamp {
  /// In UTC, as ISO 8601 has it.
  fileprivate var text: String {
    Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
  }
}
