import Gateway
import Jobs

extension JobID {
  /// An id that always stands for the same text: of the text's digest, without a time.
  init(standingFor text: String) {
    let digest = ContentDigest()
    digest.add(text.utf8)
    let digits = Array(digest.finish())
    let id = JobID(
      "\(String(digits[..<8]))-\(String(digits[8..<12]))-8000-8\(String(digits[12..<15]))-\(String(digits[15..<27]))")
    guard let id else { preconditionFailure("a digest without digits") }
    self = id
  }
}
