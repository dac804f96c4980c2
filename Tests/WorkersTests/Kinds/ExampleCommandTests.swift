import Foundation
import Jobs
import Support
import Testing

@testable import Workers

@Suite(
  "The example commands", .timeLimit(.minutes(2)),
  .enabled(if: ChildCommand.location(of: "python3") != nil, "python3 is not installed"))
struct ExampleCommandTests {
  private static let hasVoices =
    Media.isAvailable && ["espeak-ng", "pocketsphinx_continuous"].allSatisfy { ChildCommand.location(of: $0) != nil }

  /// The path of an example's program.
  private func example(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "examples/\(name)").path
  }

  @Test("find the risk in a text, by their list of phrases")
  func risk() async throws {
    let worker = try CommandWorker(
      CommandWorker.Configuration(
        kind: JobKind("risk_detection")!, program: example("detect-risk"), payload: .standardInput, progress: .none,
        result: .line))
    let workshop = await Workshop([worker])
    for (text, level, phrases) in [
      ("Act NOW and wire the money.", "high", ["act now", "wire the money"]),
      ("A lawsuit, \\\"perhaps\\\".", "medium", ["lawsuit"]),
      ("Good morning.", "low", []),
    ] {
      let job = await workshop.broker.add("risk_detection", #"{"text":"\#(text)"}"#)
      guard case .complete(let result?) = await workshop.broker.settlement(of: job) else {
        Issue.record("not completed: \(await workshop.broker.settlements)")
        continue
      }
      let root = try JSONDocument(bytes: result.bytes).root
      #expect(root["level"]?.string == level)
      #expect(root["matches"]?.array?.compactMap { $0["phrase"]?.string } == phrases)
    }
    let bad = await workshop.broker.add("risk_detection", "{}")
    guard case .fail(let failure, _) = await workshop.broker.settlement(of: bad) else {
      Issue.record("a payload without a text was taken")
      return
    }
    #expect(failure.message.contains("the payload needs a member text"))
    await workshop.close()
  }

  @Test(
    "write down what is said in a recording",
    .enabled(if: hasVoices, "espeak-ng and pocketsphinx are not installed"))
  func transcription() async throws {
    let worker = try CommandWorker(
      CommandWorker.Configuration(
        kind: JobKind("transcription")!, program: example("transcribe"), arguments: ["{input}"], progress: .jsonLines))
    let workshop = await Workshop([worker])
    let path = workshop.folder.path("speech.wav")
    _ = try await Media.run("espeak-ng", ["-v", "en-us", "-s", "120", "-w", path, "one two three four five"])
    let recording = try await Media.upload(path, to: workshop.store)
    let job = await workshop.broker.add("transcription", #"{"input":"\#(recording)"}"#)
    guard case .complete(let result?) = await workshop.broker.settlement(of: job) else {
      Issue.record("not completed: \(await workshop.broker.settlements)")
      return
    }
    let root = try JSONDocument(bytes: result.bytes).root
    let text = try #require(root["text"]?.string)
    #expect(text.contains("two three"), "\(text)")
    #expect(try #require(root["duration"]?.double) > 1)
    #expect(root["segments"]?.array?.first?["text"]?.string == text)
    let percents = await workshop.broker.progress(of: job).compactMap(\.percent)
    #expect(percents.count > 1 && percents == percents.sorted())
    await workshop.close()
  }
}
