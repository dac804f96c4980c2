import Jobs
import Web

/// What a payload names as its input: `upload:upl_…` or an `http(s)://` address.
enum InputReference: Hashable, Sendable {
  case upload(UploadID)
  case address(WebAddress)

  /// Throws a fault at `pointer` for anything else.
  init(_ text: String, at pointer: String) throws(PayloadFault) {
    if text.hasPrefix("upload:") {
      guard let id = UploadID(text.dropFirst(7)) else {
        throw PayloadFault(pointer, "is no upload's name")
      }
      self = .upload(id)
    } else {
      self = .address(try WebAddress(text, at: pointer))
    }
  }
}

extension WebAddress {
  /// Throws a fault at `pointer` for what may not be fetched.
  init(_ text: String, at pointer: String) throws(PayloadFault) {
    do throws(WebAddress.Fault) {
      try self.init(text)
    } catch {
      let reason =
        switch error {
        case .isNotWeb: "must be upload:upl_… or an http:// or https:// address"
        case .holdsCredentials: "may not hold a user or a password"
        case .namesNoHost: "names no host"
        }
      throw PayloadFault(pointer, reason)
    }
  }
}
