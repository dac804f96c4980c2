import Jobs

/// The parts of the shipped program.
///
/// THE CONNECTION: these three functions are all that ties the command line to the concrete broker,
/// gateway and workers.
extension Composition {
  static let standard = Composition(
    broker: { configuration, state in
      throw CommandFailure(
        description: "this build has no broker \(configuration.broker.publicURL)", status: .failed)
    },
    gateway: { configuration, state, keys, broker in
      throw CommandFailure(description: "this build has no gateway", status: .failed)
    },
    workers: { configuration, state, broker in
      throw CommandFailure(description: "this build has no workers", status: .failed)
    })
}
