import EventLoop
import Foundation
import Gateway
import Jobs
import Redis
import Support
import Testing

@Suite("Groups of a fleet", .timeLimit(.minutes(2))) struct GroupTests {
  @Test("are counted, watched at another gateway, finished and followed, while workers run their jobs")
  func life() async throws {
    let fleet = try await Fleet()
    do {
      let (_, first) = try await fleet.gateway()
      let (_, second) = try await fleet.gateway()
      let gates = [Gate(in: fleet.folder), Gate(in: fleet.folder)]
      let jobs = gates.map { #"{"kind":"steps","payload":{"gate":"\#($0.path)"}}"# }.joined(separator: ",")
      let submitter = try await JobClient.connect(to: first, token: fleet.token())
      let made = try await submitter.rpc(
        "group.create",
        #"{"name":"both","jobs":[\#(jobs)],"callback":{"kind":"steps","payload":{"gate":"/dev/null"}}}"#)
      let data = try #require(made["rpc"]?["data"], "\(made.text)")
      #expect(data["refused"]?.int == 0)
      #expect(data["group"]?["state"]?.string == "closed")
      let id = try #require(data["group"]?["id"]?.string)
      let watcher = try await JobClient.connect(to: second, token: fleet.token())
      let reply = try await watcher.call("subscribe", #"{"channel":"group:\#(id)"}"#)
      #expect(reply["subscribe"]?["data"]?["jobs"]?.int == 2)
      _ = try await fleet.worker()
      _ = try await watcher.event { $0["percent"]?.double == 50 && $0["counts"]?["running"]?.int == 2 }
      gates[0].lift()
      _ = try await watcher.event { $0["counts"]?["completed"]?.int == 1 }
      gates[1].lift()
      let end = try await watcher.event { $0["state"]?.string == "finished" }
      #expect(end["percent"]?.double == 100 && end["pending"]?.int == 0)
      let offsets = await watcher.events.compactMap { $0["offset"]?.int }
      #expect(zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 })
      let callback = try #require(end["callback"]?.string)
      _ = try await watcher.call("subscribe", #"{"channel":"job:\#(callback)"}"#)
      _ = try await watcher.event { $0["id"]?.string == callback && $0["state"]?.string == "completed" }
      let late = try await submitter.rpc("job.submit", #"{"kind":"steps","group":"\#(id)"}"#)
      #expect(late["error"]?["code"]?.int == 409)
    } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }

  @Test("are taken up where they were when their watcher's gateway was killed")
  func killedGateway() async throws {
    let fleet = try await Fleet()
    do {
      let (process, first) = try await fleet.gateway()
      let (_, second) = try await fleet.gateway()
      let gate = Gate(in: fleet.folder)
      let client = try await JobClient.connect(to: first, token: fleet.token())
      let made = try await client.rpc(
        "group.create", #"{"jobs":[{"kind":"steps","payload":{"gate":"\#(gate.path)"}}]}"#)
      let id = try #require(made["rpc"]?["data"]?["group"]?["id"]?.string, "\(made.text)")
      let reply = try await client.call("subscribe", #"{"channel":"group:\#(id)"}"#)
      let epoch = try #require(reply["subscribe"]?["epoch"]?.string)
      _ = try await fleet.worker()
      let last = try await client.event { $0["percent"]?.double == 50 }
      let offset = try #require(last["offset"]?.int)
      await process.end(SIGKILL)
      gate.lift()
      let again = try await JobClient.connect(to: second, token: fleet.token())
      let taken = try await again.call(
        "subscribe", #"{"channel":"group:\#(id)","recover":true,"offset":\#(offset),"epoch":"\#(epoch)"}"#)
      #expect(taken["subscribe"]?["recovered"]?.bool == true, "\(taken.text)")
      _ = try await again.event { $0["state"]?.string == "finished" }
    } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }
}
