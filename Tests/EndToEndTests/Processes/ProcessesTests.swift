import EventLoop
import Foundation
import Gateway
import Jobs
import Support
import Testing

@Suite("Several processes on one port", .timeLimit(.minutes(3))) struct ProcessesTests {
  private func withProcesses(
    _ count: Int = 2, extra: String = "", slots: Int? = nil,
    _ body: (Fleet, FanfareProcess, SharedPort) async throws -> Void
  ) async throws {
    let fleet = try await Fleet(extra: extra)
    do {
      let (process, port) = try await fleet.gateway(slots: slots, requests: 10_000, processes: count)
      try await body(fleet, process, SharedPort(port: port, token: fleet.token()))
    } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }

  /// An older system whose callers need no token, and metrics, at ports of their own.
  private func furtherPlaces() throws -> (older: SharedPort, metrics: SharedPort, extra: String) {
    let (older, metrics) = (try FreePort.find(), try FreePort.find())
    let extra = """
      [compatibility.transcription]
      enabled = true
      user = "legacy"
      port = \(older)
      [metrics]
      port = \(metrics)
      """
    return (SharedPort(port: older, token: ""), SharedPort(port: metrics, token: ""), extra)
  }

  @Test("all get connections")
  func spread() async throws {
    try await withProcesses { _, process, port in
      let nodes = await process.nodes
      #expect(nodes.count == 2)
      let seen = try await port.nodes(of: 50)
      #expect(seen == Set(nodes))
    }
  }

  @Test("have a new one in the place of one that was killed, and nobody is refused meanwhile")
  func killedProcess() async throws {
    let (older, _, extra) = try furtherPlaces()
    try await withProcesses(extra: extra) { fleet, process, port in
      // What the file says by now holds from the next reload on.
      let configuration = try String(contentsOfFile: fleet.configuration, encoding: .utf8)
      _ = try fleet.folder.write(configuration.replacing("port = \(older.port)", with: "port = 0"), to: "config.toml")
      let killed = try await FanfareProcess.stop(await process.nodes)
      let waiting = try await port.ask("/livez", times: 8) + older.ask("/tasks", times: 8)
      for victim in killed { kill(victim, SIGKILL) }
      for socket in waiting { #expect(try await socket.receiveAnswer().status == 200) }
      let nodes = try await port.nodes(of: 50).sorted()
      #expect(nodes.count == 2)
      let victim = try #require(FanfareProcess.number(of: nodes[1]))
      #expect(kill(victim, SIGKILL) == 0)
      // Until it is gone it may still take a connection with it.
      while kill(victim, 0) == 0 { await EventLoop.pause(for: .milliseconds(1)) }
      // Each of them is answered, some of them when the new process is there.
      var seen: Set<String> = []
      while seen.isSubset(of: [nodes[0]]) { seen.formUnion(try await port.nodes(of: 10)) }
      #expect(!seen.contains(nodes[1]))
      #expect(try await port.nodes(of: 50).count == 2)
    }
  }

  @Test("end when their supervisor is killed")
  func killedSupervisor() async throws {
    try await withProcesses { _, process, port in
      await process.end(SIGKILL)
      try await port.untilRefused()
    }
  }

  @Test("end in order at a signal: the job is finished, sockets are asked away, all say that it went well")
  func ends() async throws {
    try await withProcesses(slots: 2) { fleet, process, port in
      let gate = Gate(in: fleet.folder)
      let client = try await JobClient.connect(to: port.port, token: port.token)
      let submitted = try await client.rpc(
        "job.submit", #"{"kind":"steps","payload":{"gate":"\#(gate.path)"},"watch":true}"#)
      #expect(submitted["rpc"] != nil, "\(submitted.text)")
      _ = try await client.event { $0["percent"]?.double == 50 }
      let other = try await WebSocketClient.connect(to: port.port)
      try await other.send(#"{"id":1,"connect":{"token":"\#(port.token)"}}"#)
      _ = try await other.nextText()
      async let status = process.end(SIGTERM)
      while await port.isReady() { await EventLoop.pause(for: .milliseconds(1)) }
      gate.lift()
      // Also where the other process runs it.
      _ = try await client.event { $0["state"]?.string == "completed" }
      #expect(try await other.nextMessage() == .close(code: 3001, reason: "shutdown"))
      #expect(await status == 0)
      try await port.untilRefused()
    }
  }

  @Test("refuse whoever comes when they have been told to end, and let nobody wait for an answer that never comes")
  func refusing() async throws {
    let fleet = try await Fleet()
    do {
      let configuration = try String(contentsOfFile: fleet.configuration, encoding: .utf8)
      _ = try fleet.folder.write(
        configuration.replacing("drain = \"200ms\"", with: "drain = \"1h\""), to: "config.toml")
      let (process, number) = try await fleet.gateway(processes: 2)
      let port = SharedPort(port: number, token: try fleet.token())
      // Asked away at some moment of the hour.
      let client = try await JobClient.connect(to: number, token: port.token)
      await process.signal(SIGTERM)
      try await port.untilRefused()
      #expect(try await client.rpc("job.list")["rpc"] != nil)
      #expect(await process.end(SIGTERM) == 128 + SIGTERM)
    } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }

  @Test("are replaced one by one under many sockets: no connection is refused, and each watcher sees one end")
  func rollingRestart() async throws {
    let (older, metrics, extra) = try furtherPlaces()
    try await withProcesses(extra: extra) { fleet, process, port in
      let folder = fleet.folder.path("state")
      let gate = Gate(in: fleet.folder)
      _ = try await fleet.worker()
      let submitter = try await JobClient.connect(to: port.port, token: port.token)
      let watchers = try await watchers(300, of: 2, gate, submitter, at: port)
      let hammer = await Hammer(port, beside: [(older, "/tasks"), (metrics, "/metrics")])
      let hammering = Task { @EventLoop in await hammer.run() }
      let before = await process.nodes
      let watching = watchers.map { watcher in Task { @EventLoop in try await watcher.watch() } }
      let (text, status) = try await fanfare("reload", "--folder", folder)
      #expect(status == 0 && text.hasPrefix("Every process was replaced: "), "\(text)")
      #expect(before.allSatisfy { !text.contains($0) })
      gate.lift()
      for task in watching { try await task.value }
      await EventLoop.run { hammer.stop() }
      await hammering.value
      #expect(await hammer.failures == [])
      #expect(await hammer.count > 0)
      #expect(await EventLoop.run { watchers.count { $0.ends == 1 } } == 300)
      #expect(await EventLoop.run { watchers.flatMap(\.disorder) } == [])
      // Who came back to a process that was to be replaced yet was asked away again.
      #expect(await EventLoop.run { watchers.allSatisfy { (2...3).contains($0.connections) } })
      #expect(try await port.nodes(of: 50).isDisjoint(with: before))
    }
  }

  @EventLoop private func watchers(
    _ count: Int, of jobs: Int, _ gate: Gate, _ submitter: JobClient, at port: SharedPort
  ) async throws -> [RestartWatcher] {
    var ids: [String] = []
    for _ in 0..<jobs {
      let reply = try await submitter.rpc(
        "job.submit", #"{"kind":"steps","payload":{"gate":"\#(gate.path)"}}"#)
      ids.append(try #require(reply["rpc"]?["data"]?["job"]?["id"]?.string, "\(reply.text)"))
    }
    var watchers: [RestartWatcher] = []
    for number in 0..<count {
      let watcher = RestartWatcher(of: ids[number % jobs], at: port)
      try await watcher.connect()
      watchers.append(watcher)
    }
    return watchers
  }

  @Test("go on as they are where new ones cannot start, and the reload says why; it opens and closes further ports")
  func brokenReload() async throws {
    try await withProcesses { fleet, process, port in
      let folder = fleet.folder.path("state")
      let nodes = Set(await process.nodes)
      let other = SocketServer { _ in }
      defer { other.close() }
      let good = try String(contentsOfFile: fleet.configuration, encoding: .utf8)
      // Read without complaint, and of no use: only a new process finds that out.
      _ = try fleet.folder.write(
        good.replacing("[[admission.keys]]", with: "[admission]\njwks_file = \"/nowhere\"\n[[admission.keys]]"),
        to: "config.toml")
      let useless = try await fanfare("reload", "--folder", folder)
      #expect(useless.status == 1)
      #expect(useless.text.contains("the old ones go on") && useless.text.contains("no readable file at /nowhere"))
      #expect(try await port.nodes(of: 50) == nodes)
      _ = try fleet.folder.write("what is this", to: "config.toml")
      let broken = try await fanfare("reload", "--folder", folder)
      #expect(broken.status == 1 && broken.text.contains("nothing was changed"), "\(broken.text)")
      #expect(try await port.nodes(of: 50) == nodes)
      _ = try fleet.folder.write("\(good)\n[metrics]\nport = \(other.port)", to: "config.toml")
      let taken = try await fanfare("reload", "--folder", folder)
      #expect(taken.status == 1 && taken.text.contains("metrics.port: cannot bind"), "\(taken.text)")
      #expect(try await port.nodes(of: 50) == nodes)
      let moved = good.replacing("port = 0", with: "port = 4711")
      _ = try fleet.folder.write("\(moved)\n[metrics]\nport = \(port.port)", to: "config.toml")
      let double = try await fanfare("reload", "--folder", folder)
      #expect(double.status == 1 && double.text.contains("metrics.port: found \(port.port), which"), "\(double.text)")
      #expect(try await port.nodes(of: 50) == nodes)
      let (older, metrics, extra) = try furtherPlaces()
      _ = try fleet.folder.write("\(moved)\n\(extra)", to: "config.toml")
      let mended = try await fanfare("reload", "--folder", folder)
      #expect(mended.status == 0 && mended.text.contains("gateway.port needs a restart"), "\(mended.text)")
      #expect(try await port.nodes(of: 50).isDisjoint(with: nodes))
      for _ in 0..<20 {
        #expect(try await older.status(of: "/tasks") == 200)
        #expect(try await metrics.status(of: "/metrics") == 200)
      }
      // Whoever waits for an old process is answered by the new one.
      let old = try await FanfareProcess.stop(try await port.nodes(of: 50))
      let waiting = try await port.ask("/livez", times: 8) + older.ask("/tasks", times: 8)
      async let reload = fanfare("reload", "--folder", folder)
      for socket in waiting { #expect(try await socket.receiveAnswer().status == 200) }
      for process in old { kill(process, SIGCONT) }
      #expect(try await reload.status == 0)
      _ = try fleet.folder.write(good, to: "config.toml")
      let without = try await fanfare("reload", "--folder", folder)
      #expect(without.status == 0, "\(without.text)")
      try await older.untilRefused()
      try await metrics.untilRefused()
    }
  }

  @Test("do not begin where one cannot: it ends with what the first one says")
  func brokenStart() async throws {
    let fleet = try await Fleet()
    let folder = fleet.folder.path("state")
    let start = try await fanfare(
      "serve", "--folder", folder, "--broker", fleet.redis.url, "--port", "0", "--processes", "2", "--set",
      "admission.jwks_file=/nowhere", "--log-level", "critical")
    #expect(start.status == 1)
    #expect(start.text.components(separatedBy: "no readable file at /nowhere").count == 2, "\(start.text)")
    let other = SocketServer { _ in }
    let taken = try await fanfare(
      "serve", "--folder", folder, "--broker", fleet.redis.url, "--port", "0", "--processes", "2", "--set",
      "metrics.port=\(other.port)")
    other.close()
    #expect(taken.status == 1 && taken.text.contains("metrics.port: cannot bind"), "\(taken.text)")
    #expect(!taken.text.contains("a process was started"))
    let embedded = try await fanfare("check", "--set", "gateway.processes=2")
    #expect(embedded.status == 1 && embedded.text.contains("gateway.processes: found 2 together with"))
    let nobody = try await fanfare("reload", "--folder", folder)
    #expect(nobody.status == 2 && nobody.text.contains("no fanfare serve runs with the folder"), "\(nobody.text)")
    await fleet.end()
  }

  @Test("are not made of a single process: it reads its keys anew and goes on")
  func single() async throws {
    let fleet = try await Fleet()
    do {
      let (process, number) = try await fleet.gateway()
      let port = SharedPort(port: number, token: try fleet.token())
      #expect(await process.nodes == [])
      let before = try await port.node()
      let reload = try await fanfare("reload", "--folder", fleet.folder.path("state"))
      #expect(reload.status == 0 && reload.text.hasPrefix("The keys were read anew"), "\(reload.text)")
      await process.signal(SIGHUP)
      #expect(try await port.node() == before)
      #expect(await process.end() == 0)
      let names = try FileManager.default.contentsOfDirectory(atPath: fleet.folder.path("state"))
      #expect(!names.contains { $0.hasPrefix("serve.") || $0.hasPrefix("running.") }, "\(names)")
    } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }

  @Test(
    "still accept for the time of the notice, to say that they go; a second signal ends all at once", arguments: [1, 2])
  func notice(_ count: Int) async throws {
    let fleet = try await Fleet()
    do {
      let configuration = try String(contentsOfFile: fleet.configuration, encoding: .utf8)
      _ = try fleet.folder.write(
        configuration.replacing("drain = \"200ms\"", with: "drain = \"200ms\"\ndrain_notice = \"1h\""),
        to: "config.toml")
      let (process, number) = try await fleet.gateway(processes: count)
      let port = SharedPort(port: number, token: try fleet.token())
      await process.signal(SIGTERM)
      // Each process by itself: many connections see all of them.
      var refusals = 0
      while refusals < 50 { refusals = try await port.status(of: "/readyz") == 503 ? refusals + 1 : 0 }
      do {
        _ = try await port.node()
        Issue.record("a socket was let in")
      } catch WebSocketClient.Failure.refused(let answer) {
        #expect(answer.status == 503 && answer.headers["retry-after"] != nil)
      }
      #expect(await process.end(SIGTERM) == 128 + SIGTERM)
      try await port.untilRefused()
    } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }
}

/// Connects again and again, by HTTP and to watch, and notes who was refused.
@EventLoop
private final class Hammer {
  private let port: SharedPort
  private let further: [(port: SharedPort, path: String)]
  private(set) var count = 0
  private(set) var failures: [String] = []
  private var isStopped = false

  /// `further` are read at other ports of the same gateway.
  init(_ port: SharedPort, beside further: [(port: SharedPort, path: String)]) {
    self.port = port
    self.further = further
  }

  func stop() { isStopped = true }

  func run() async {
    while !isStopped {
      do {
        for (port, path) in [(port, "/livez")] + further {
          let status = try await port.status(of: path)
          if status != 200 { failures.append("\(path): status \(status)") }
        }
        _ = try await port.node()
      } catch { failures.append("\(error)") }
      count += 1
    }
  }
}
