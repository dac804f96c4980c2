import Jobs

/// How jobs of another system become ours: what was said on the command line.
struct ImportRules: Hashable, Sendable {
  var kinds: [KindRule] = []
  /// Of a job that has none.
  var priority = Priority.normal
  /// Whose the jobs are.
  var user = "import"
  /// Where in a payload its owner stands; else `user`.
  var userPointer: JSONPointer?
  /// Where jobs go; nil: to the queue of the same name.
  var queue: QueueName?
  /// What is called at a job's end in the other system is not; else such jobs stay.
  var dropsCallbacks = false

  /// The rule for a function or a job of one of these names; the first that fits.
  func rule(for names: String...) -> KindRule? {
    kinds.first { rule in names.contains(rule.name) }
  }
}

/// One `--map`: `NAME=KIND`, or `NAME(first,second)=KIND`, which names the arguments.
struct KindRule: Hashable, Sendable {
  var name: String
  /// Of the arguments by position; nil: they stay a list.
  var arguments: [String]?
  var kind: JobKind

  init?(_ text: String) {
    guard let equals = text.lastIndex(of: "="), let kind = JobKind(String(text[text.index(after: equals)...])) else {
      return nil
    }
    var name = text[..<equals]
    if name.hasSuffix(")") {
      guard let open = name.firstIndex(of: "(") else { return nil }
      let names = name[name.index(after: open)...].dropLast().split(separator: ",", omittingEmptySubsequences: true)
      arguments = names.map { $0.trimmed }
      guard Set(arguments ?? []).count == names.count, arguments?.contains("") == false else { return nil }
      name = name[..<open]
    }
    guard !name.isEmpty else { return nil }
    self.name = String(name)
    self.kind = kind
  }
}

/// A place in a JSON text (RFC 6901).
struct JSONPointer: Hashable, Sendable {
  private var parts: [String]

  init?(_ text: String) {
    guard text.isEmpty || text.hasPrefix("/") else { return nil }
    parts = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
      String($0).replacing("~1", with: "/").replacing("~0", with: "~")
    }
  }

  /// What stands there; nil where there is nothing.
  func value(in root: JSONValue) -> JSONValue? {
    parts.reduce(root) { value, part in
      if let items = value?.array { return Int(part).flatMap { items.indices.contains($0) ? items[$0] : nil } }
      return value?[part]
    }
  }
}

extension Substring {
  fileprivate var trimmed: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
