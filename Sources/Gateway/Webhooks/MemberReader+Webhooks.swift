import Foundation
import Jobs

extension MemberReader {
  /// A list of webhooks: `[{"url":…,"events":"all" | [states]}]`. Nil where it is absent; `rules` are nil where this
  /// gateway tells none.
  mutating func webhooks(_ name: String, _ rules: WebhookRules?) -> [Webhook]? {
    guard has(name) else { return nil }
    guard let rules else {
      refuse(name, "cannot be had: this gateway has no webhooks.secrets")
      return nil
    }
    let hooks = parts(name, upTo: WebhookLimits.count) { part in
      part.require("url")
      var hook = Webhook("")
      if let address = part.text("url", upTo: WebhookLimits.addressLength) {
        if let fault = Self.fault(of: address, rules) { part.fault("url", fault) }
        hook.address = address
      }
      if let value = part.value("events") {
        if let events = Webhook.Events(value) {
          hook.events = events
        } else {
          let states = JobState.allCases.map(\.rawValue).joined(separator: ", ")
          part.fault("events", "must be \"all\", or a list of \(states)")
        }
      }
      return hook
    }
    if let hooks, Set(hooks.map(\.address)).count < hooks.count { fault(name, "names an address twice") }
    return hooks
  }

  /// Why an address is none to tell; where it leads to is looked at when it is told.
  private static func fault(of address: String, _ rules: WebhookRules) -> String? {
    let isPlain = address.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    guard isPlain, let parts = URLComponents(string: address), let scheme = parts.scheme?.lowercased(),
      ["http", "https"].contains(scheme), let host = parts.host, !host.isEmpty
    else { return "must be an address like https://example.com/hook" }
    if parts.user != nil || parts.password != nil { return "must not hold a user or a password" }
    if scheme == "http", !rules.allowsPrivateAddresses { return "must be an https address" }
    return nil
  }
}
