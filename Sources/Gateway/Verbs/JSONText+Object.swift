package import Jobs

extension JSONText {
  /// An object with the members that are written into it.
  package static func object(_ members: (inout JSONWriter) -> Void) -> JSONText {
    var writer = JSONWriter()
    writer.object(members)
    return writer.text
  }
}
