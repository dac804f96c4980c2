/// Names of the environment that an older system's operators know, and the key of ours that they set.
package struct LegacyVariable: Sendable {
  package var names: [String]
  /// `broker.url`
  package var key: String
  private let read: @Sendable ([String: String]) -> String?

  /// Several names that make one value; `read` answers nil where they set nothing.
  init(_ names: [String], _ key: String, read: @escaping @Sendable ([String: String]) -> String?) {
    self.names = names
    self.key = key
    self.read = read
  }

  /// One name; `convert` brings its value into our form.
  init(_ name: String, _ key: String, _ convert: @escaping @Sendable (String) -> String = { $0 }) {
    self.init([name], key) { $0[name].flatMap { $0.isEmpty ? nil : convert($0) } }
  }

  /// A number of seconds.
  static func seconds(_ name: String, _ key: String) -> LegacyVariable {
    LegacyVariable(name, key) { Int($0) == nil ? $0 : "\($0)s" }
  }

  /// What the environment sets; nil where it does not.
  package func value(in environment: [String: String]) -> String? { read(environment) }
}
