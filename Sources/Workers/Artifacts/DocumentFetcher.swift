import Web

/// Fetches a small document: what the gateway asks of others now and then.
package struct DocumentFetcher: Sendable {
  /// What went wrong with a fetch.
  package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
  }

  private let limits: HTTPLimits

  /// At most `size` bytes in at most `time`. Where documents are is an operator's word: any address may be asked.
  package init(size: Int = 256 << 10, time: Duration = .seconds(5)) {
    limits = HTTPLimits(addresses: .any, connectTime: time, time: time, size: size)
  }

  /// The document at an http or https address. Throws ``Fault`` for anything but a 200 within the limits.
  package func fetch(_ address: String) async throws(Fault) -> [UInt8] {
    let target: WebAddress
    do throws(WebAddress.Fault) { target = try WebAddress(address) } catch {
      throw Fault(description: "its address is none of the web")
    }
    let answer: HTTPAnswer
    do throws(HTTPError) { answer = try await HTTPClient().send(HTTPRequest(.get, target, limits: limits)) } catch {
      throw Fault(description: "\(error)")
    }
    guard answer.status == 200 else { throw Fault(description: "it was answered with \(answer.status)") }
    return answer.body
  }
}
