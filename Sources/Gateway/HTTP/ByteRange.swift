/// The part of a file that a `Range` header asks for (RFC 9110 §14).
package enum ByteRange: Hashable, Sendable {
  /// All of it: no range, one in another unit, several at once, or one that is not well-formed.
  case whole
  case part(offset: Int64, length: Int64)
  /// Nothing of the file lies in it: 416.
  case outside

  /// Reads the header's value for a file of `size` bytes.
  package init(_ header: String?, size: Int64) {
    self = .whole
    guard let header, header.hasPrefix("bytes=") else { return }
    let parts = header.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
      .map { $0.filter { $0 != " " } }
    guard parts.count == 2, !header.contains(",") else { return }
    func number(_ text: String) -> Int64? {
      text.allSatisfy { $0.isASCII && $0.isNumber } ? Int64(text) : nil
    }
    switch (number(parts[0]), number(parts[1])) {
    case (let first?, let last?) where first <= last:
      self = first < size ? .part(offset: first, length: min(last, size - 1) - first + 1) : .outside
    case (let first?, nil) where parts[1].isEmpty:
      self = first < size ? .part(offset: first, length: size - first) : .outside
    case (nil, let suffix?) where parts[0].isEmpty:
      let length = min(suffix, size)
      self = length > 0 ? .part(offset: size - length, length: length) : .outside
    default: break
    }
  }
}
