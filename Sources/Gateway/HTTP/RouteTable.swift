/// Routes by how their addresses begin: a request looks at the few that can fit, however many there are.
struct RouteTable: Sendable {
  /// A path's number of parts, and its first.
  private struct Beginning: Hashable {
    var count: Int
    var first: Substring?

    init(_ parts: [Substring]) {
      count = parts.count
      first = parts.first
    }
  }

  private var routes: [Beginning: [Route]] = [:]
  private var mounts: [String: LegacyMount] = [:]

  init(_ routes: [Route]) {
    for route in routes {
      precondition(route.pattern.first?.hasPrefix(":") != true, "an address that begins with a named part")
      self.routes[Beginning(route.pattern), default: []].append(route)
      if let mount = route.mount, let listener = mount.listener { mounts[listener] = mount }
    }
  }

  /// The routes that may fit a request to this listener, in the order in which they were given.
  func candidates(for parts: [Substring], at listener: String?) -> some Sequence<Route> {
    (routes[Beginning(parts)] ?? []).lazy.filter { $0.answers(at: listener) }
  }

  /// The older system that a listener of its own is for.
  func mount(at listener: String?) -> LegacyMount? { listener.flatMap { mounts[$0] } }
}
