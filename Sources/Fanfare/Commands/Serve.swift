import ArgumentParser
import EventLoop
import Foundation
import Gateway

/// `fanfare serve`: the gateway, with workers in it.
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the gateway, with workers in it.",
    discussion: """
      Ends on SIGTERM or Ctrl-C: readiness fails first, running jobs are finished or given back, \
      sockets are asked away. A second signal ends it at once. On SIGHUP keys are read anew; with several \
      processes (gateway.processes) each is replaced by a new one: see fanfare reload.
      """)

  @OptionGroup var options: ConfigurationOptions

  @Option(name: .long, help: "The address to listen on (gateway.host).")
  var host: String?

  @Option(name: .shortAndLong, help: "The port to listen on; 0 takes a free one (gateway.port).")
  var port: String?

  @Option(name: .long, help: "How many processes share the port; auto for one a core (gateway.processes).")
  var processes: String?

  @Option(name: .long, help: "How many jobs run at once, in all processes together (workers.embedded).")
  var workers: String?

  func run() async throws {
    let environment = ProcessInfo.processInfo.environment
    if environment[SeatOffer.variable] != nil { return try await serveSeat() }
    let configuration = try load()
    if configuration.processCount == 1 {
      return try await Bootstrap(configuration, environment: environment).serve()
    }
    try await Supervisor.serve(configuration, environment: environment) { try load() }
  }

  private func load(_ overrides: [ConfigurationFile.Override] = []) throws -> Configuration {
    try options.load(
      flags: ConfigurationOptions.overrides([
        ("gateway.host", host, "--host"), ("gateway.port", port, "--port"),
        ("gateway.processes", processes, "--processes"), ("workers.embedded", workers, "--workers"),
      ]) + overrides)
  }

  /// As one of the processes that a supervisor has started: what there is to say goes to it. It ends with its
  /// supervisor, however that ends.
  private func serveSeat() async throws {
    guard let offer = SeatOffer.take() else {
      throw CommandFailure(description: "\(SeatOffer.variable) is set, but not by a supervisor: unset it")
    }
    let (stop, leave, reload, link) = await EventLoop.run {
      let stop = StopSignal(SIGTERM, SIGINT)
      // Comes from the supervisor only: a signal may have reached all processes, and who is done first waits.
      let leave = StopSignal()
      let link = ProcessLink(
        offer.link,
        heard: { order in
          switch SeatOrder(rawValue: order) {
          case .finishWork: return stop.receive()
          case .handOver: stop.receive(handOver: true)
          case .end, nil: stop.receive()
          }
          leave.receive()
        },
        ended: {
          stop.receive()
          leave.receive()
        })
      return (stop, leave, ReloadSignal(SIGHUP), link)
    }
    do {
      var configuration = try load(offer.overrides)
      configuration.sit(on: offer.seat)
      LogOutput.install(configuration.log)
      let node = GatewaySettings(configuration).node
      try await Bootstrap(configuration, environment: ProcessInfo.processInfo.environment, say: { _ in })
        .serve(
          until: stop, reload: reload,
          announce: { lines in
            await EventLoop.run { link.send(SeatReport.ready(node: node, banner: lines).text) }
          },
          whenWorkIsDone: {
            await EventLoop.run { link.send(SeatReport.workDone.text) }
            await leave.wait()
          })
    } catch {
      let (status, message, _) = ExitStatus.judge(error)
      await EventLoop.run { link.send(SeatReport.failed(message).text) }
      throw ExitCode(status)
    }
  }
}
