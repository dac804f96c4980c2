package import EventLoop
package import Jobs

/// `/livez` and `/readyz`: what load balancers ask.
@EventLoop
package struct HealthRoutes {
  private let broker: any Broker
  private let isDraining: @EventLoop @Sendable () -> Bool

  package init(
    broker: any Broker, isDraining: @escaping @EventLoop @Sendable () -> Bool
  ) {
    self.broker = broker
    self.isDraining = isDraining
  }

  package var routes: [Route] {
    [
      // Alive means that the loop turns: no more, or an outage of Redis would restart gateways.
      Route(.get, "/livez", .open) { _ in
        Response(200, headers: Self.plain, body: .bytes(Array("ok\n".utf8)))
      },
      Route(.get, "/readyz", .open) { [broker, isDraining] _ in
        let checks = [
          ("broker", await broker.isAvailable()), ("events", broker.isDelivering),
          ("serving", !isDraining()),
        ]
        let isReady = checks.allSatisfy(\.1)
        var writer = JSONWriter()
        writer.object {
          $0.member("ready", isReady)
          $0.object("checks") { list in
            for (name, isGood) in checks {
              list.member(named: name, JSONText(unchecked: Array((isGood ? "true" : "false").utf8)))
            }
          }
          // Ready all the same: it works, until the day that is warned of.
          if !broker.warnings.isEmpty {
            $0.array("warnings") { list in for warning in broker.warnings { list.element(warning) } }
          }
        }
        return Response(
          isReady ? 200 : 503,
          headers: [("content-type", "application/json"), ("cache-control", "no-store")],
          body: .bytes(writer.bytes))
      },
    ]
  }

  private static let plain = [(name: "content-type", value: "text/plain; charset=utf-8")]
}
