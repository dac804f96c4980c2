import Testing

@testable import Gateway

@Suite("Permissions") struct PermissionsTests {
  @Test("are read from words; those of others are passed over")
  func words() {
    let permissions = Permissions(words: ["openid", "jobs:read", "Jobs:Submit", "email", ""])
    #expect(permissions == [.read])
    #expect(permissions.description == "jobs:read")
  }

  @Test("of an operator include everyone's jobs, and not the workers' part")
  func admin() {
    let permissions: Permissions = [.admin]
    #expect([Scope.submit, .read, .manage, .admin].allSatisfy(permissions.allows))
    #expect(!permissions.allows(.work))
  }

  @Test("of a worker, or of a user, are no more than they say")
  func least() {
    #expect(Scope.allCases.filter(Permissions([.work]).allows) == [.work])
    #expect(Scope.allCases.filter(Permissions.standard.allows) == [.submit, .read, .manage])
    #expect(Scope.allCases.filter(Permissions([]).allows) == [])
  }

  @Test("are written in one order")
  func description() {
    #expect(Permissions([.work, .admin, .submit]).description == "jobs:submit admin work")
  }
}
