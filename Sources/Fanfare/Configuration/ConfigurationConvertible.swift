/// A type that a key of the configuration can have.
protocol ConfigurationConvertible: Sendable, Equatable {
  /// What is expected, as the end of the sentence "wanted …".
  static var wanted: String { get }
  /// Nil where the value is of another type or form.
  init?(_ value: ConfigurationValue)
  /// The value as config.toml would hold it.
  var configurationValue: ConfigurationValue { get }
}

extension String: ConfigurationConvertible {
  static var wanted: String { "a text" }

  init?(_ value: ConfigurationValue) {
    switch value {
    case .text(let text), .untyped(let text): self = text
    default: return nil
    }
  }

  var configurationValue: ConfigurationValue { .text(self) }
}

extension Int: ConfigurationConvertible {
  static var wanted: String { "a whole number" }

  init?(_ value: ConfigurationValue) {
    switch value {
    case .whole(let number): self = number
    case .untyped(let text):
      guard let number = Int(text) else { return nil }
      self = number
    default: return nil
    }
  }

  var configurationValue: ConfigurationValue { .whole(self) }
}

extension Bool: ConfigurationConvertible {
  static var wanted: String { "true or false" }

  init?(_ value: ConfigurationValue) {
    switch value {
    case .boolean(let boolean): self = boolean
    case .untyped("true"), .untyped("1"), .untyped("yes"): self = true
    case .untyped("false"), .untyped("0"), .untyped("no"): self = false
    default: return nil
    }
  }

  var configurationValue: ConfigurationValue { .boolean(self) }
}

extension Array: ConfigurationConvertible where Element: ConfigurationConvertible {
  static var wanted: String { "a list, each of it \(Element.wanted)" }

  /// Outside of TOML the elements are parted by commas.
  init?(_ value: ConfigurationValue) {
    switch value {
    case .list(let values):
      var elements: [Element] = []
      for value in values {
        guard let element = Element(value) else { return nil }
        elements.append(element)
      }
      self = elements
    case .untyped(let text):
      self.init(
        .list(
          text.split(separator: ",").map {
            .untyped(String($0.trimmingPrefix { $0 == " " }))
          }))
    default: return nil
    }
  }

  var configurationValue: ConfigurationValue { .list(map(\.configurationValue)) }
}

extension Duration: ConfigurationConvertible {
  static var wanted: String { "a duration like \"250ms\", \"10s\", \"5m\", \"1h30m\" or \"7d\"" }

  init?(_ value: ConfigurationValue) {
    switch value {
    case .text(let text), .untyped(let text): self.init(written: text)
    default: return nil
    }
  }

  var configurationValue: ConfigurationValue { .text(written) }
}

extension ByteCount: ConfigurationConvertible {
  static var wanted: String { "a size like \"512B\", \"64KiB\", \"10MiB\" or \"2GiB\"" }

  init?(_ value: ConfigurationValue) {
    switch value {
    case .text(let text), .untyped(let text): self.init(text)
    default: return nil
    }
  }

  var configurationValue: ConfigurationValue { .text(description) }
}

/// A choice among words.
extension ConfigurationConvertible where Self: RawRepresentable & CaseIterable, RawValue == String {
  static var wanted: String {
    let words = allCases.map { "\"\($0.rawValue)\"" }
    guard let last = words.last, words.count > 1 else { return words.joined() }
    return words.dropLast().joined(separator: ", ") + " or " + last
  }

  init?(_ value: ConfigurationValue) {
    guard let text = String(value) else { return nil }
    self.init(rawValue: text)
  }

  var configurationValue: ConfigurationValue { .text(rawValue) }
}
