import Foundation
import Support
import Testing

@testable import Jobs

@Suite("The lock on a folder") struct FolderLockTests {
  @Test("is held until it is let go, and is looked for without being taken")
  func held() throws {
    let folder = TemporaryFolder()
    #expect(!FolderLock.isHeld(folder.path), "nobody ever had it")
    #expect(!FolderLock.isHeld(folder.path("missing")))
    // Once more: looking has not taken it.
    for _ in 1...2 {
      try withExtendedLifetime(FolderLock(folder: folder.path)) {
        #expect(FolderLock.isHeld(folder.path))
        #expect(throws: JournalError.inUse(folder: folder.path)) { _ = try FolderLock(folder: folder.path) }
      }
      #expect(!FolderLock.isHeld(folder.path))
    }
  }
}
