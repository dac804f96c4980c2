package import EventLoop
package import Jobs

/// What operators may do about backups, the same over sockets and HTTP. All of it needs `admin`.
@EventLoop
package final class BackupVerbs {
  private let keeper: BackupKeeper

  package init(keeper: BackupKeeper) { self.keeper = keeper }

  /// Backs the broker up now, and answers when the file is whole.
  package func create(by identity: Identity) async throws(Problem) -> BackupFile.Summary {
    try identity.require(.admin)
    do { return try await keeper.backUp() } catch { throw problem(error) }
  }

  /// Those that are kept, the newest first.
  package func kept(for identity: Identity) async throws(Problem) -> [BackupKeeper.Kept] {
    try identity.require(.admin)
    do { return try await keeper.kept() } catch { throw problem(error) }
  }

  /// Takes one of them in, and answers when it is set aside.
  package func restore(
    _ name: String, by identity: Identity
  ) async throws(Problem) -> (BackupFile.Summary, RestoreReport) {
    try identity.require(.admin)
    let done: (BackupFile.Summary, RestoreReport)?
    do { done = try await keeper.restore(name) } catch {
      throw problem(error, .restoreFailed)
    }
    guard let done else { throw Problem(.backupNotFound, status: 404) }
    return done
  }

  private func problem(_ error: any Error, _ code: Problem.Code = .backupFailed) -> Problem {
    if let error = error as? BrokerError { return Problem(error) }
    return Problem(code, status: 500, detail: "\(error)")
  }
}

extension Procedures {
  static func backups(_ verbs: BackupVerbs) -> [Procedure] {
    [
      Procedure("backup.create") { reader, identity throws(Problem) in
        try reader.finish()
        let made = try await verbs.create(by: identity)
        var writer = JSONWriter()
        writer.object {
          $0.member("name", made.name)
          $0.member("created_at", made.createdAt.milliseconds)
          $0.member("bytes", made.bytes)
          $0.member("entries", made.entries)
          $0.member("jobs", made.jobs)
          $0.member("sha256", made.digest)
        }
        return .created(writer.text)
      },
      Procedure("backup.list") { reader, identity throws(Problem) in
        try reader.finish()
        let kept = try await verbs.kept(for: identity)
        var writer = JSONWriter()
        writer.object { object in
          object.array("backups") { list in
            for backup in kept {
              list.object {
                $0.member("name", backup.name)
                $0.member("created_at", backup.createdAt.milliseconds)
                $0.member("bytes", backup.bytes)
              }
            }
          }
        }
        return .document(writer.text)
      },
      Procedure("backup.restore") { reader, identity throws(Problem) in
        reader.require("name")
        guard let name = reader.text("name") else { throw .invalid(reader.faults) }
        try reader.finish()
        let (summary, report) = try await verbs.restore(name, by: identity)
        var writer = JSONWriter()
        writer.object {
          $0.member("name", summary.name)
          $0.member("entries", summary.entries)
          $0.member("restored", report.restored)
          $0.member("known", report.known)
          $0.array("duplicates") { list in
            for id in report.duplicates { list.element(id.description) }
          }
        }
        return .document(writer.text)
      },
    ]
  }
}

extension BackupFile.Summary {
  /// Of the file, without its folder.
  var name: String { path.split(separator: "/").last.map(String.init) ?? path }
}
