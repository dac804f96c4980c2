import EventLoop
import Jobs
import Support
import Testing

@Suite("Revocations with another broker behind", .timeLimit(.minutes(1))) @EventLoop
struct FallbackRevocationTests {
  private let folder = TemporaryFolder()

  @Test("are kept here while the shared broker is away, say so, and are handed over")
  func away() async throws {
    let pair = try await FallbackPair.open(folder)
    let heard = Arrivals<ControlMessage>()
    _ = try await pair.broker.controlMessages(to: NodeID("n")) { heard.append($0) }
    pair.goAway()
    let answer = try await pair.broker.revoke(.user("alice"), for: .seconds(600))
    #expect(answer.durability == .local)
    #expect(try await heard.values(atLeast: 1) == [.revoked(answer.revocation)], "in force here at once")
    #expect(try await pair.shared.allRevocations().isEmpty)
    #expect(try await pair.broker.allRevocations() == [answer.revocation])
    await pair.comeBack()
    #expect(try await pair.shared.allRevocations() == [answer.revocation])
    await pair.broker.close()
  }

  @Test("that were made with the shared broker are known to a gateway that starts without it")
  func known() async throws {
    var pair = try await FallbackPair.open(folder)
    let here = try await pair.broker.revoke(.token("here"), for: .seconds(600)).revocation
    let elsewhere = try await pair.shared.revoke(.token("elsewhere"), for: .seconds(900)).revocation
    #expect(Set(try await pair.broker.allRevocations()) == [here, elsewhere])
    await pair.broker.close()
    pair = try await FallbackPair.open(folder, isUp: false)
    #expect(try await pair.broker.allRevocations() == [here, elsewhere])
    await pair.broker.close()
  }

  @Test("that another node makes are kept here as they are heard")
  func heardOfOthers() async throws {
    let pair = try await FallbackPair.open(folder)
    _ = try await pair.broker.controlMessages(to: NodeID("n")) { _ in }
    let revocation = try await pair.shared.revoke(.user("bob"), for: .seconds(600)).revocation
    while try await pair.local.allRevocations() != [revocation] { await Task.yield() }
    await pair.broker.close()
  }
}
