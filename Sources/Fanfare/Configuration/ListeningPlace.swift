import Gateway

/// An address at which a gateway listens: its own, that of metrics, or that of an older system.
struct ListeningPlace: Hashable, Sendable {
  /// What requests that come here tell of it (``Request/listener``); nil: the gateway's own.
  let name: String?
  /// The keys that it stands in.
  let hostKey: String
  let portKey: String
  let host: String
  /// Means nothing where the host is the path of a Unix socket.
  var port: Int

  var isUnix: Bool { host.hasPrefix("unix:") }

  /// Why nobody can listen here, by the key that is to be changed.
  func failure(_ reason: ListeningSocket.Failure) -> CommandFailure {
    CommandFailure(description: "\(reason.isOfPort ? portKey : hostKey): \(reason)", status: .failed)
  }
}

extension Configuration {
  /// Everywhere a gateway listens. Its own address is the last: where the system chooses the port, it is none of the
  /// others'.
  var places: [ListeningPlace] { furtherPlaces + [ownPlace] }

  private var ownPlace: ListeningPlace {
    ListeningPlace(
      name: nil, hostKey: "gateway.host", portKey: "gateway.port", host: gateway.host, port: gateway.port)
  }

  private var furtherPlaces: [ListeningPlace] {
    var places: [ListeningPlace] = []
    if metrics.port != 0 {
      places.append(
        ListeningPlace(
          name: MetricsRoutes.listener, hostKey: "metrics.host", portKey: "metrics.port", host: metrics.host,
          port: metrics.port))
    }
    for api in legacyAPIs {
      let port = self[legacy: api.name].port
      guard port != 0 else { continue }
      places.append(
        ListeningPlace(
          name: api.name, hostKey: "gateway.host", portKey: "compatibility.\(api.name).port", host: gateway.host,
          port: port))
    }
    return places
  }

  /// What is wrong between places. The system would let one process listen at one address twice, and give each
  /// listener a part of the connections.
  var placeContradictions: [ConfigurationFault] {
    var faults: [ConfigurationFault] = []
    var keys: [String: String] = [:]
    for place in [ownPlace] + furtherPlaces {
      let key = place.isUnix ? place.hostKey : place.portKey
      if place.isUnix, place.hostKey == "gateway.host", place.name != nil {
        faults.append(
          ConfigurationFault(
            key: place.portKey, found: "\(place.port) together with gateway.host \"\(place.host)\"",
            wanted: "0, because a Unix socket has no ports"))
      } else if let other = keys[place.isUnix ? place.host : "\(place.port)"] {
        faults.append(
          ConfigurationFault(
            key: key,
            found: place.isUnix ? "\"\(place.host)\", which is \(other) too" : "\(place.port), which is \(other) too",
            wanted: place.isUnix
              ? "an address of its own"
              : "a port of its own, or 0 for \(place.hostKey == "gateway.host" ? "the gateway's" : "none")"))
      } else {
        keys[place.isUnix ? place.host : "\(place.port)"] = key
      }
    }
    return faults
  }
}
