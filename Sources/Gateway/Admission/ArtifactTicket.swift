package import FoundationEssentials
package import Jobs

/// Leave to fetch one artifact for a few minutes, inside a URL: for `<video src>` and download
/// links, which cannot send a token.
///
/// An HMAC over the job, the name and the end. It opens nothing else, and all gateways that share
/// the artifacts' folder share the key.
package struct ArtifactTicket: Sendable {
  private let code: MessageAuthentication
  /// How long a ticket is good for.
  package static let lifetime = Duration.seconds(300)

  /// Throws unless the key has at least 32 bytes.
  package init(key: [UInt8]) throws(KeyError) {
    code = try MessageAuthentication(secret: key, algorithm: .hs256)
  }

  /// A ticket that is good until ``lifetime`` from `now`.
  package func issue(for name: ArtifactName, of job: JobID, now: Date) -> String {
    let end = Int64(now.timeIntervalSince1970) + Self.lifetime.components.seconds
    return "\(end).\(Base64URL.encode(sign(name, job, end)))"
  }

  /// Whether the ticket is ours, for this artifact, and still good.
  package func accepts(_ ticket: String, for name: ArtifactName, of job: JobID, now: Date) -> Bool {
    let parts = ticket.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let end = Int64(parts[0]), String(end) == parts[0],
      let given = Base64URL.decode(parts[1].utf8), Double(end) > now.timeIntervalSince1970
    else { return false }
    return message(name, job, end).withUnsafeBytes { code.accepts(given, for: $0) }
  }

  private func sign(_ name: ArtifactName, _ job: JobID, _ end: Int64) -> [UInt8] {
    message(name, job, end).withUnsafeBytes { code.code(of: $0) }
  }

  private func message(_ name: ArtifactName, _ job: JobID, _ end: Int64) -> [UInt8] {
    Array("artifact ticket\n\(job)\n\(name)\n\(end)".utf8)
  }
}
