extension String {
  /// At most `limit` bytes of UTF-8, cut between characters.
  func cut(toBytes limit: Int) -> String {
    guard utf8.count > limit else { return self }
    var end = utf8.index(startIndex, offsetBy: limit)
    // A byte of the form 10xxxxxx goes on with a character that began before.
    while end > startIndex, utf8[end] & 0b1100_0000 == 0b1000_0000 { utf8.formIndex(before: &end) }
    return String(self[..<end])
  }
}
