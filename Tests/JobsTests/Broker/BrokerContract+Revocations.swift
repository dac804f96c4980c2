import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  @Test("keeps revocations until they are over, and tells every node in the same step", arguments: Backend.allCases)
  func revocations(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let heard = await Arrivals<ControlMessage>()
      let subscription = try await broker.controlMessages(to: NodeID("n")) { heard.append($0) }
      let before = time.now()
      let token = try await broker.revoke(.token("jti-é"), for: .milliseconds(1500))
      #expect(token.durability == .broker && token.revocation.at >= before)
      #expect(token.revocation.until - token.revocation.at == .milliseconds(1500))
      let user = try await broker.revoke(.user("alice"), for: .seconds(600)).revocation
      #expect(try await heard.values(atLeast: 2) == [.revoked(token.revocation), .revoked(user)])
      #expect(try await broker.allRevocations() == [token.revocation, user], "the one that is over first in front")
      try await time.pass(.milliseconds(1500))
      #expect(try await broker.allRevocations() == [user])
      await subscription.cancel()
    }
  }

  @Test("a revocation made again counts from the later moment, to the later end", arguments: Backend.allCases)
  func revokedAgain(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let first = try await broker.revoke(.user("alice"), for: .seconds(600)).revocation
      try await time.pass(.milliseconds(5))
      let second = try await broker.revoke(.user("alice"), for: .seconds(1)).revocation
      #expect(second.at > first.at && second.until == first.until)
      #expect(try await broker.allRevocations() == [second])

      #expect(try await !broker.take(first), "nothing new in it")
      var longer = first
      longer.until = first.until + .seconds(5)
      #expect(try await broker.take(longer))
      #expect(try await broker.allRevocations().first == Revocation(.user("alice"), at: second.at, until: longer.until))
      #expect(try await !broker.take(Revocation(.token("old"), at: first.at, until: first.at)), "it is over")
      #expect(try await broker.allRevocations().count == 1)
    }
  }

  @Test("revocations are read page by page, also those that are over at one moment", arguments: Backend.allCases)
  func revocationPages(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let end = time.now() + .seconds(600)
      var wanted: Set<Revocation> = []
      for number in 0..<25 {
        let until = number < 20 ? end : end + .seconds(Int64(number))
        let revocation = Revocation(.token("t\(number)"), at: time.now(), until: until)
        try await broker.take(revocation)
        wanted.insert(revocation)
      }
      for limit in [1, 4, 25, 100] {
        var read: [Revocation] = []
        var cursor: String?
        repeat {
          let page = try await broker.revocations(after: cursor, limit: limit)
          #expect(page.revocations.count <= limit)
          read += page.revocations
          cursor = page.next
        } while cursor != nil
        #expect(read.count == 25 && Set(read) == wanted)
      }
    }
  }

  @Test("revocations go into an archive and come out of it", arguments: Backend.allCases, Backend.allCases)
  func archivedRevocations(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      // For years: the clocks of the two brokers are months apart.
      let revocations = [
        try await broker.revoke(.user("alice"), for: .seconds(365 * 86_400 * 10)).revocation,
        try await broker.revoke(.token("t"), for: .seconds(365 * 86_400 * 11)).revocation,
      ]
      let entries = try await broker.wholeArchive(limit: 10)
      let read = try entries.map { try ArchiveEntry(reading: JSONDocument(bytes: $0.json.bytes).root) }
      #expect(read == entries)
      try await target.withUncheckedBroker { other, _ in
        let first = try await other.restore(entries)
        #expect(first.restored == 2)
        #expect(try await other.allRevocations() == revocations)
        let second = try await other.restore(entries)
        #expect(second.known == 2)
      }
    }
  }
}
