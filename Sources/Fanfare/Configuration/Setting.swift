/// One key of a section: its name, how it is read, and how it is shown.
struct Setting<Section: Sendable>: Sendable {
  let name: String
  /// The end of the sentence "wanted …".
  let wanted: String
  /// Whether ``show`` must not be printed.
  let isSecret: Bool
  /// Puts a value into the section; false where it is not what is wanted.
  let read: @Sendable (ConfigurationValue, inout Section) -> Bool
  let show: @Sendable (Section) -> ConfigurationValue

  /// A key of a type of its own; with `wanted` and `accepts`, only some of the type's values.
  init<Value: ConfigurationConvertible>(
    _ name: String, _ path: any WritableKeyPath<Section, Value> & Sendable, isSecret: Bool = false,
    wanted: String = Value.wanted,
    where accepts: @escaping @Sendable (Value) -> Bool = { _ in true }
  ) {
    self.name = name
    self.wanted = wanted
    self.isSecret = isSecret
    read = { value, section in
      guard let value = Value(value), accepts(value) else { return false }
      section[keyPath: path] = value
      return true
    }
    show = { $0[keyPath: path].configurationValue }
  }

  /// A whole number within bounds.
  init(
    _ name: String, _ path: any WritableKeyPath<Section, Int> & Sendable, in range: ClosedRange<Int>
  ) {
    let end = range.upperBound == .max ? "up" : "to \(range.upperBound)"
    self.init(
      name, path, wanted: "a whole number from \(range.lowerBound) \(end)",
      where: range.contains)
  }

  /// A duration that must not be zero.
  init(positive name: String, _ path: any WritableKeyPath<Section, Duration> & Sendable) {
    self.init(name, path, wanted: Duration.wanted + ", above zero", where: { $0 > .zero })
  }
}

/// A table of the configuration whose keys are known.
protocol ConfigurationSection: Sendable, Equatable {
  static var settings: [Setting<Self>] { get }
}
