import EventLoop
import Foundation
import Jobs
import Support
import Testing

@Suite("The keeper of backups", .timeLimit(.minutes(1)))
struct BackupKeeperTests {
  private let folder = TemporaryFolder()

  private func keeper(
    of archive: ListedArchive, every interval: Duration? = nil, keeping kept: Int = 2
  ) async -> BackupKeeper {
    await EventLoop.run {
      BackupKeeper(
        of: archive, PayloadStore(files: ArtifactStore(root: folder.path + "/files")), in: folder.path,
        every: interval, keeping: kept, logger: .silent)
    }
  }

  private var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
  }

  @Test("keeps the newest, and leaves other files alone")
  func keeping() async throws {
    try Data("mine".utf8).write(to: URL(fileURLWithPath: folder.path + "/notes.txt"))
    let archive = try await ListedArchive(ArchiveExamples.everything())
    let keeper = await keeper(of: archive)
    var paths: [String] = []
    for _ in 1...4 { paths.append(try await keeper.backUp().path) }
    #expect(Set(paths).count == 4)
    let kept = try BackupKeeper.wholeBackups(in: folder.path).map { "\(folder.path)/\($0)" }
    #expect(kept == paths.suffix(2))
    #expect(FileManager.default.fileExists(atPath: folder.path + "/notes.txt"))
    #expect(try await BackupFile.verify(kept[1]).entries == archive.entries.count)
  }

  @Test("backs up again and again, and no more once it is stopped")
  func interval() async throws {
    let archive = try await ListedArchive(ArchiveExamples.everything())
    let keeper = await keeper(of: archive, every: .milliseconds(20), keeping: 9)
    try await archive.archivings.values(atLeast: 3)
    await keeper.stop()
    // Behind the one that may have been under way.
    let last = try await keeper.backUp()
    let count = await archive.archivings.values.count
    let kept = try await keeper.kept()
    #expect(kept.count == min(count, 9) && kept.count >= 3)
    #expect(kept.first?.name == last.path.split(separator: "/").last.map(String.init))
    for backup in kept {
      #expect(try await BackupFile.verify("\(folder.path)/\(backup.name)").entries == archive.entries.count)
    }
  }

  @Test("goes on after a backup that failed")
  func failure() async throws {
    let archive = try await ListedArchive(ArchiveExamples.everything())
    await EventLoop.run { archive.fault = .unavailable }
    let keeper = await keeper(of: archive, every: .milliseconds(20))
    try await archive.archivings.values(atLeast: 2)
    #expect(try BackupKeeper.wholeBackups(in: folder.path).isEmpty)
    await EventLoop.run { archive.fault = nil }
    let count = await archive.archivings.values.count
    try await archive.archivings.values(atLeast: count + 2)
    #expect(try BackupKeeper.wholeBackups(in: folder.path).count > 0)
    await keeper.stop()
  }

  @Test("names what was backed up in part otherwise, and lets it push no whole one out")
  func inPart() async throws {
    let archive = try await ListedArchive(ArchiveExamples.everything())
    let keeper = await keeper(of: archive)
    let whole = try await keeper.backUp().path
    await EventLoop.run { archive.isWhole = false }
    var paths: [String] = []
    for _ in 1...3 { paths.append(try await keeper.backUp().path) }
    #expect(paths.allSatisfy { $0.hasSuffix("Z.local.backup.gz") })
    #expect(try names.map { "\(folder.path)/\($0)" } == [whole] + paths.suffix(2))
    #expect(try BackupKeeper.wholeBackups(in: folder.path).count == 1)
    #expect(try await keeper.kept().map(\.isLocal) == [true, true, false])
    // It is on nobody's way: only who names it takes it in.
    #expect(try await self.keeper(of: ListedArchive()).restoreNewest()?.0.path == whole)
  }

  @Test("takes the newest in that can be read and holds anything, into an empty broker only")
  func newest() async throws {
    let entries = try ArchiveExamples.everything()
    let first = try await keeper(of: ListedArchive(entries), keeping: 9).backUp().path
    let second = try await keeper(of: ListedArchive(Array(entries.prefix(2))), keeping: 9).backUp().path
    let damaged = try await keeper(of: ListedArchive(entries), keeping: 9).backUp().path
    try Data("no backup\n".utf8).write(to: URL(fileURLWithPath: damaged))
    _ = try await keeper(of: ListedArchive(), keeping: 9).backUp()

    let living = await ListedArchive([entries[0]])
    #expect(try await keeper(of: living).restoreNewest() == nil)
    let target = await ListedArchive()
    let done = try #require(try await keeper(of: target).restoreNewest())
    #expect(done.0.path == second && done.1.restored == 2)
    #expect(await target.entries.map(\.withoutEpoch) == entries.prefix(2).map(\.withoutEpoch))
    #expect(FileManager.default.fileExists(atPath: second + ".restored"))
    #expect(!FileManager.default.fileExists(atPath: second))
    #expect(FileManager.default.fileExists(atPath: first))
  }

  @Test("takes one in by its name, which is that of a backup it keeps")
  func byName() async throws {
    let archive = try await ListedArchive(ArchiveExamples.everything())
    let path = try await keeper(of: archive).backUp().path
    let name = try #require(path.split(separator: "/").last.map(String.init))
    let target = await ListedArchive()
    let keeper = await keeper(of: target)
    #expect(try await keeper.restore("../\(name)") == nil)
    #expect(try await keeper.restore("fanfare-none.backup.gz") == nil)
    let done = try #require(try await keeper.restore(name))
    #expect(await done.1.restored == target.entries.count)
    #expect(try await keeper.restore(name) == nil, "it was set aside")
    #expect(try names == [name + ".restored"])
  }
}
