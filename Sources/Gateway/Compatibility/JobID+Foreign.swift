package import Jobs

extension JobID {
  /// An id that always stands for the same text: of the text's digest, without a time.
  package init(standingFor text: String) {
    let digest = ContentDigest()
    digest.add(text.utf8)
    let digits = Array(digest.finish())
    let id = JobID(
      "\(String(digits[..<8]))-\(String(digits[8..<12]))-8000-8\(String(digits[12..<15]))-\(String(digits[15..<27]))")
    guard let id else { preconditionFailure("a digest without digits") }
    self = id
  }

  /// The id here of a job that came from a queue of Bull's, where it mostly had a number.
  package init(bull job: String, in queue: String, prefix: String = "bull") {
    self.init(standingFor: "bull \(prefix.utf8.count) \(prefix) \(queue.utf8.count) \(queue) \(job)")
  }
}
