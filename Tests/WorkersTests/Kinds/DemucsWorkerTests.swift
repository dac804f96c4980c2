import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Testing

@testable import Workers

@Suite(
  "The demucs worker", .timeLimit(.minutes(2)),
  .enabled(if: Media.isAvailable, "ffmpeg and ffprobe are not installed"))
struct DemucsWorkerTests {
  private func worker(
    _ standIn: DemucsStandIn, spare: Duration = .seconds(60), model: String = "htdemucs"
  ) -> DemucsWorker {
    DemucsWorker(.init(demucs: standIn.program, model: model, models: "/nonexistent", spare: spare))
  }

  private func track(_ store: ArtifactStore, in folder: TemporaryFolder) async throws -> String {
    let path = try await Media.make("sine=d=0.2", at: folder.path("track.wav"))
    return try await Media.upload(path, to: store)
  }

  @Test("tells what the bar tells, and makes the stem that is wanted the artifact")
  func stem() async throws {
    let folder = TemporaryFolder()
    let standIn = try DemucsStandIn(in: folder)
    let workshop = await Workshop([worker(standIn)])
    let track = try await track(workshop.store, in: folder)
    let job = await workshop.broker.add("demucs", #"{"input":"\#(track)","stem":"no_vocals"}"#)
    _ = await standIn.started.line()
    for percent in [25.0, 50, 75] {
      standIn.go()
      await workshop.broker.until {
        workshop.broker.progress(of: job).last?.percent == percent
          && workshop.broker.progress(of: job).last?.stage == "separating"
      }
    }
    standIn.go()
    guard case .complete(let result?) = await workshop.broker.settlement(of: job) else {
      Issue.record("not completed: \(await workshop.broker.settlements)")
      return
    }
    let artifacts = try await workshop.store.artifacts(of: job)
    #expect(artifacts.map(\.name.description) == ["no_vocals.wav"])
    #expect(try String(contentsOfFile: (artifacts[0].path ?? ""), encoding: .utf8) == "no_vocals\n")
    #expect(
      try JSONDocument(bytes: result.bytes).root["artifacts"]?.array?.first?["url"]?.string
        == "/v1/artifacts/\(job)/no_vocals.wav")
    let percents = await workshop.broker.progress(of: job).compactMap(\.percent)
    #expect(percents == percents.sorted() && percents.allSatisfy { $0 < 100 })
    let lines = await workshop.broker.lines
    #expect(
      lines.contains("Separating track input") && !lines.contains { $0.contains(folder.path) || $0.contains("%") })
    await workshop.close()
  }

  @Test(
    "gives the stems their names and forms",
    arguments: [
      (#""stem":"drums""#, ["drums.wav"]), (#""output":"karaoke.mp3""#, ["karaoke.mp3"]),
      (#""stem":"vocals","output":"voice.flac""#, ["voice.flac"]),
      (#""stem":"all""#, ["bass.wav", "drums.wav", "other.wav", "vocals.wav"]),
    ])
  func stems(_ members: String, _ names: [String]) async throws {
    let folder = TemporaryFolder()
    let standIn = try DemucsStandIn(in: folder)
    let workshop = await Workshop([worker(standIn)])
    let track = try await track(workshop.store, in: folder)
    let job = await workshop.broker.add("demucs", #"{"input":"\#(track)",\#(members)}"#)
    standIn.go(4)
    _ = await standIn.started.line()
    guard case .complete = await workshop.broker.settlement(of: job) else {
      Issue.record("not completed: \(await workshop.broker.settlements)")
      return
    }
    #expect(try await workshop.store.artifacts(of: job).map(\.name.description).sorted() == names)
    await workshop.close()
  }

  @Test("counts the bars of a model of several parts as one")
  func parts() {
    var progress = DemucsProgress()
    #expect(
      progress.feed("Selected model is a bag of 4 models. You will see that many progress bars per track.") == nil)
    #expect(progress.feed("  0%|          | 0.0/175.5 [00:00<?, ?seconds/s]") == 0)
    #expect(progress.feed(" 50%|█████     | 87.7/175.5 [00:22<00:21,  4.02seconds/s]") == 12.5)
    #expect(progress.feed("100%|██████████| 175.5/175.5 [00:44<00:00,  3.94seconds/s]") == 25)
    #expect(progress.feed("  0%|          | 0.0/175.5 [00:00<?, ?seconds/s]") == 25)
    #expect(progress.feed(" 20%|██        | 35.1/175.5 [02:22<09:21,  4.02s/seconds]") == 30)
    #expect(progress.feed("100%|██████████| 80.2M/80.2M [00:02<00:00, 40.1MB/s]") == nil, "a download")
    #expect(progress.feed("Separating track 50%") == nil)
  }

  @Test("is killed when it has taken twice the track's time and the spare, and fails as any run that takes too long")
  func deadline() async throws {
    let folder = TemporaryFolder()
    let standIn = try DemucsStandIn(in: folder)
    let workshop = await Workshop([worker(standIn, spare: .milliseconds(1100))])
    let track = try await track(workshop.store, in: folder)
    let job = await workshop.broker.add("demucs", #"{"input":"\#(track)"}"#)
    guard case .fail(let failure, .byPolicy) = await workshop.broker.settlement(of: job) else {
      Issue.record("it was not ended: \(await workshop.broker.settlements)")
      return
    }
    #expect(failure == JobFailure(code: "timeout", message: "The run took longer than 1.5 s."))
    await workshop.close()
  }

  @Test("is ended earlier where its job says so")
  func ownTimeout() async throws {
    let folder = TemporaryFolder()
    let standIn = try DemucsStandIn(in: folder)
    let workshop = await Workshop([worker(standIn)])
    let track = try await track(workshop.store, in: folder)
    let job = await workshop.broker.add("demucs", #"{"input":"\#(track)"}"#, timeout: .milliseconds(700))
    guard case .fail(let failure, _) = await workshop.broker.settlement(of: job) else {
      Issue.record("it was not ended: \(await workshop.broker.settlements)")
      return
    }
    #expect(failure == JobFailure(code: "timeout", message: "The run took longer than 0.7 s."))
    await workshop.close()
  }

  @Test("refuses what it cannot separate, and all that is wrong with it at once")
  func bad() async throws {
    let folder = TemporaryFolder()
    let workshop = await Workshop([worker(try DemucsStandIn(in: folder))])
    let list = try folder.write("#EXTM3U\nfile:///etc/passwd\n", to: "list")
    let playlist = try await Media.upload(list, to: workshop.store)
    let silent = try await Media.upload(
      try await Media.picture("red", "8x8", at: folder.path("a.png")), to: workshop.store)
    for (payload, pointers) in [
      (#"{"stem":"brass","output":"../x.wav","more":1}"#, ["/more", "/input", "/stem", "/output"]),
      (#"{"input":"\#(silent)","stem":"all","output":"x.wav"}"#, ["/output"]),
      (#"{"input":"\#(playlist)"}"#, ["/input"]),
      (#"{"input":"\#(silent)"}"#, ["/input holds no sound"]),
      (#"{"input":"\#(silent)","output":"x.mp4"}"#, ["/output"]),
    ] {
      let job = await workshop.broker.add("demucs", payload)
      guard case .fail(let failure, .never) = await workshop.broker.settlement(of: job) else {
        Issue.record("it was taken: \(payload)")
        continue
      }
      #expect(failure.code == "bad_input")
      for pointer in pointers { #expect(failure.message.contains(pointer)) }
    }
    await workshop.close()
  }

  @Test("runs two at once over all workers, and the third when one has ended")
  @EventLoop func limit() async throws {
    let folder = TemporaryFolder()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let standIn = try DemucsStandIn(in: folder)
    let store = ArtifactStore(root: folder.path("store"))
    let broker = try await EmbeddedBroker.open(at: folder.path("broker"), logger: logger)
    let queue = QueueName("demucs")!
    var settings = QueueSettings()
    settings.concurrency = 2
    settings.defaults.maxAttempts = 1
    _ = try await broker.set(queue, to: settings, ifVersion: 0)
    let pools = (0..<2).map { _ in
      WorkerPool(
        broker: broker, registry: WorkerRegistry([worker(standIn)]), store: store,
        configuration: WorkerPool.Configuration(queues: [queue], slots: 4), logger: logger)
    }
    for pool in pools { pool.start() }
    let track = try await track(store, in: folder)
    let news = Bell()
    var jobs: [JobID] = []
    var subscriptions: [any EventSubscription] = []
    for _ in 0..<3 {
      let request = JobRequest(
        queue: queue, kind: JobKind("demucs")!, user: "alice",
        payload: try JSONText(validating: #"{"input":"\#(track)"}"#))
      subscriptions.append(try await broker.subscribe(to: .job(request.id)) { _ in news.ring() })
      _ = try await broker.enqueue(request)
      jobs.append(request.id)
    }
    func states() async throws -> [JobState] {
      var states: [JobState] = []
      for job in jobs { states.append(try #require(try await broker.job(job)).state) }
      return states
    }
    _ = await standIn.started.line()
    _ = await standIn.started.line()
    #expect(try await states() == [.running, .running, .queued])
    // Steps are taken by either; with eight of them both have ended.
    standIn.go(8)
    _ = await standIn.started.line()
    standIn.go(4)
    while try await !states().allSatisfy(\.isTerminal) { await news.wait() }
    #expect(try await states() == [.completed, .completed, .completed])
    for subscription in subscriptions { subscription.cancel() }
    for pool in pools { await pool.drain(grace: .zero) }
    await broker.close()
  }
}
