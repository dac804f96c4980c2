// How long the event loop stands still for one token: Authenticator.authenticate, everything included.
//
//   swift run -c release TokenVerification
import Foundation
import Gateway

let now = Date(timeIntervalSince1970: 1_800_000_000)
let clock = ContinuousClock()

func microseconds(_ duration: Duration) -> String {
  String(format: "%8.1f", duration / .microseconds(1))
}

func report(_ name: String, rounds: Int, _ body: () throws -> Void) rethrows {
  for _ in 0..<rounds / 10 { try body() }
  var times: [Duration] = []
  times.reserveCapacity(rounds)
  let total = try clock.measure {
    for _ in 0..<rounds { times.append(try clock.measure(body)) }
  }
  times.sort()
  let rate = Int(Double(rounds) / (total / .seconds(1)))
  let columns = [0.5, 0.9, 0.99].map { microseconds(times[Int(Double(rounds) * $0)]) }
  print(
    name.padding(toLength: 22, withPad: " ", startingAt: 0), columns.joined(), microseconds(times[rounds - 1]), rate,
    separator: "  ")
}

let processor =
  (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n")
  .first { $0.hasPrefix("model name") }?.split(separator: ":").last.map(String.init) ?? " unknown"
print("machine:\(processor), \(ProcessInfo.processInfo.activeProcessorCount) cores")
print("command: \(CommandLine.arguments.map { URL(fileURLWithPath: $0).lastPathComponent }.joined(separator: " "))")
print("µs for one token      ", "     p50", "    p90", "    p99", "      max", "tokens/s")

for algorithm in TokenAlgorithm.allCases {
  let key = try SigningKey.generate(algorithm)
  let issuer = TokenIssuer(key: key, issuer: "https://issuer.example", audience: "fanfare")
  let token = try issuer.connectionToken(
    user: "2f9a1c52-user", permissions: .standard, lifetime: .seconds(600), now: now)
  let policy = TokenPolicy(issuer: "https://issuer.example", audiences: ["fanfare"])
  let authenticator = try Authenticator(keys: [key.verificationKey()], policy: policy)
  try report(algorithm.rawValue, rounds: 5000) { _ = try authenticator.authenticate(token, now: now) }
}

let authenticator = try Authenticator(keys: [SigningKey.generate(.hs256).verificationKey()])
let garbage = String(repeating: "A", count: 8190) + ".."
report("refused: 8 KiB of A", rounds: 2000) { _ = try? authenticator.authenticate(garbage, now: now) }
