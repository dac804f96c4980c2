// How many steps of a job's life a broker carries out in a second, how long one takes, and what it costs.
//
//   BrokerLoops embedded <folder> <phase> <jobs>
//   BrokerLoops redis://127.0.0.1:6379/0 <phase> <jobs>    everything in that database is for this to use
//   BrokerLoops … scale                   enqueue and lease beside 10^3, 10^5, 10^6 waiting jobs
//   BrokerLoops … changing <jobs> <rate>  jobs that run and report, so many times a second in all, until it is ended
import EventLoop
import Jobs
import Logging
import Redis

let arguments = Array(CommandLine.arguments.dropFirst())
let logger = Logger(label: "bench") { StreamLogHandler.standardError(label: $0) }
let bench: Bench
let rest: ArraySlice<String>
switch arguments.first {
case "embedded" where arguments.count >= 2:
  let broker = try await EmbeddedBroker.open(at: arguments[1], logger: logger)
  bench = await Bench(broker, label: "embedded", redis: nil)
  rest = arguments.dropFirst(2)
case let address? where RedisEndpoint(address) != nil:
  let endpoint = RedisEndpoint(address)!
  let broker = await EventLoop.run {
    RedisBroker(endpoint: endpoint, prefix: "fanfare:", logger: logger)
  }
  try await broker.start()
  let redis = await EventLoop.run { RedisClient(endpoint: endpoint, logger: logger) }
  try await redis.start()
  bench = await Bench(broker, label: "redis", redis: redis)
  rest = arguments.dropFirst()
default:
  throw Failure(description: "wanted: embedded <folder> or the address of a Redis; then what to measure")
}
let name = rest.first ?? ""
let jobs = rest.dropFirst().first.flatMap { Int($0) } ?? 0
if name == "scale" {
  try await bench.scale()
} else if name == "changing", jobs > 0, let rate = rest.dropFirst(2).first.flatMap({ Double($0) }), rate > 0 {
  try await bench.changing(jobs: jobs, rate: rate)
} else if let phase = Phase.named[name], jobs > 0 {
  try await bench.warmUp()
  try await phase.measure(name, on: bench, jobs: jobs)
} else {
  let phases = Phase.named.keys.sorted().joined(separator: ", ")
  throw Failure(description: "wanted: scale, changing, or a phase and how many jobs. Phases: \(phases)")
}
await bench.broker.close()
