import COpenSSL
import Jobs

/// SHA-256 over bytes that come piece by piece.
package final class ContentDigest {
  private let context: OpaquePointer

  package init() {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      preconditionFailure("OpenSSL has no SHA-256")
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  package func add(_ bytes: some Collection<UInt8>) {
    let added: Void? = bytes.withContiguousStorageIfAvailable { add(UnsafeRawBufferPointer($0)) }
    if added == nil { Array(bytes).withUnsafeBytes { add($0) } }
  }

  private func add(_ bytes: UnsafeRawBufferPointer) {
    guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
      preconditionFailure("OpenSSL could not hash")
    }
  }

  /// 64 hexadecimal digits; the digest takes nothing more after it.
  package func finish() -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    guard EVP_DigestFinal_ex(context, &digest, nil) == 1 else {
      preconditionFailure("OpenSSL could not hash")
    }
    return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// What stands for a job's input: the same for two submissions exactly when their payloads mean the
/// same, whatever the order of members, and their uploads hold the same bytes.
enum ContentKey {
  /// The ids of uploads that the payload names.
  static func uploads(in value: JSONValue) -> [UploadID] {
    switch value.content {
    case .string(let text): upload(text).map { [$0] } ?? []
    case .array(let values): values.flatMap(uploads(in:))
    case .object(let members): members.flatMap { uploads(in: $0.value) }
    case .null, .bool, .number: []
    }
  }

  /// `hashes` are those of the uploads that have one; others stand for themselves.
  static func key(
    kind: JobKind, payload: JSONValue, hashes: [UploadID: String]
  ) -> String {
    let digest = ContentDigest()
    digest.add("\(kind)\n".utf8)
    digest.add(canonical(payload, hashes).bytes)
    return "sha256:\(digest.finish())"
  }

  private static func upload(_ text: String) -> UploadID? {
    text.hasPrefix("upload:") ? UploadID(text.dropFirst(7)) : nil
  }

  private static func canonical(_ value: JSONValue, _ hashes: [UploadID: String]) -> JSONText {
    var writer = JSONWriter(reserving: 64)
    switch value.content {
    case .null, .bool: return value.text
    case .number(let digits):
      // 1, 1.0 and 1e0 are one number; what is no whole one stays as written.
      return value.int.map { JSONText(unchecked: Array(String($0).utf8)) }
        ?? JSONText(unchecked: Array(digits.utf8))
    case .string(let text):
      writer.element(upload(text).flatMap { hashes[$0] }.map { "content:\($0)" } ?? text)
    case .array(let values):
      writer.array { list in for value in values { list.element(canonical(value, hashes)) } }
    case .object(let members):
      let last = Dictionary(members.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
      writer.object { object in
        for (name, value) in last.sorted(by: { $0.key < $1.key }) {
          object.member(named: name, canonical(value, hashes))
        }
      }
    }
    return writer.text
  }
}
