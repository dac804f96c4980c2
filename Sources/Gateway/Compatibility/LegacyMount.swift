package import FoundationEssentials
import Jobs

/// An older system's interface in its place: where it answers, and whom its callers are.
package struct LegacyMount: Sendable {
  package var api: LegacyAPI
  /// The listener that it answers at; nil: the gateway's own.
  package var listener: String?
  /// What its addresses begin with here.
  package var prefix: String
  /// Whom callers without a token stand for; nil: nobody is let in without.
  package var caller: Identity?
  /// Said with each answer, where configured: since when it is deprecated (RFC 9745), when it ends (RFC 8594).
  package var deprecatedSince: Date?
  package var sunset: Date?
  /// Whether answers about a job name its live stream.
  package var linksStreams: Bool
  /// The longest that a caller may wait for its job.
  package var waitLimit: Duration
  /// The longest that a job may run; nil: as its queue has it.
  package var timeout: Duration?
  /// Whether a submission waits for its job's end, for want of a queue; only in systems that have this.
  package var isSynchronous: Bool

  package init(
    _ api: LegacyAPI, listener: String? = nil, prefix: String? = nil, caller: Identity? = nil,
    deprecatedSince: Date? = nil, sunset: Date? = nil, linksStreams: Bool = true,
    waitLimit: Duration = .seconds(300), timeout: Duration? = nil, isSynchronous: Bool = false
  ) {
    self.api = api
    self.listener = listener
    self.prefix = prefix ?? api.prefix
    self.caller = caller
    self.deprecatedSince = deprecatedSince
    self.sunset = sunset
    self.linksStreams = linksStreams
    self.waitLimit = waitLimit
    self.timeout = timeout
    self.isSynchronous = isSynchronous
  }

  package var dialect: LegacyDialect { api.dialect }

  /// An address of the system, as its callers reach it.
  func address(_ path: String) -> String { prefix + path }

  /// The headers of every answer.
  var notices: [(name: String, value: String)] {
    var headers: [(name: String, value: String)] = []
    if let deprecatedSince { headers.append(("deprecation", "@\(Int(deprecatedSince.timeIntervalSince1970))")) }
    if let sunset { headers.append(("sunset", HTTPDate.text(Int(sunset.timeIntervalSince1970)))) }
    return headers
  }

  /// The headers of an answer about a job: its state in our words, and where it can be watched.
  func headers(about job: Job) -> [(name: String, value: String)] {
    let state = [(name: "x-job-state", value: job.state.rawValue)]
    guard linksStreams else { return state }
    return state + [
      (
        "link",
        "</v1/jobs/\(job.id)/events>; rel=\"alternate\"; type=\"text/event-stream\", "
          + "</connection/websocket>; rel=\"alternate\"; title=\"job:\(job.id)\""
      )
    ]
  }

  /// The addresses as the router takes them.
  func routes(over engine: LegacyEngine) -> [Route] {
    guard listener != nil else { return api.routes.map { self.route($0, over: engine) } }
    var atGateway = self
    atGateway.listener = nil
    return api.routes.flatMap { route in
      (route.isEverywhere ? [self, atGateway] : [self]).map { $0.route(route, over: engine) }
    }
  }

  private func route(_ route: LegacyRoute, over engine: LegacyEngine) -> Route {
    var mounted = Route(route.method, route.path, route.admission) { call in
      try await route.perform(LegacyCall(call, at: self, over: engine))
    }
    mounted.pattern = prefix.split(separator: "/") + mounted.pattern
    mounted.mount = self
    return mounted
  }
}
