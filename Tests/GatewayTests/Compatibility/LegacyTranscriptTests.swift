import EventLoop
import Foundation
import Gateway
import Jobs
import Testing

/// What callers of the older systems say and hear, played over a real socket.
@Suite("The transcripts of the older systems") struct LegacyTranscriptTests {
  @Test("are what a gateway says", arguments: LegacyTranscript.all)
  func replay(transcript: LegacyTranscript) async throws {
    let api = try #require(LegacyAPI.all.first { $0.name == transcript.api })
    let isSynchronous = transcript.heading.contains("without a queue")
    try await SessionHarness.runServed(
      settings: {
        $0.requestLimit = transcript.heading.contains("budget") ? 2 : 10_000
        if transcript.heading.contains("earlier result") { $0.reusableKinds = [JobKind("demucs")!] }
        $0.legacy = [LegacyMount(api, waitLimit: .seconds(20), isSynchronous: isSynchronous)]
      }
    ) { harness, port in
      try await harness.gateway.prepareQueues()
      let replay = LegacyReplay(harness, port: port, api: api)
      for line in transcript.lines { try await replay.play(line) }
    }
  }

  @Test("show lines of the contract that there are")
  func numbers() {
    let last = ["S1": 32, "S2": 31, "S3": 26, "S4": 47, "S5": 29]
    for transcript in LegacyTranscript.all {
      #expect(!transcript.numbers.isEmpty, "\(transcript.heading)")
      for number in transcript.numbers {
        let parts = number.split(separator: ".")
        #expect((1...(last[String(parts[0])] ?? 0)).contains(Int(parts[1]) ?? 0), "\(number)")
      }
    }
  }
}
