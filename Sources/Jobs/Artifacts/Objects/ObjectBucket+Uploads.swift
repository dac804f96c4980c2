import Web

/// Files of any size, part by part where they are large.
extension ObjectBucket {
  private typealias Part = (number: Int, tag: String)

  /// The most parts of an object, which S3 sets.
  static let partLimit = 10_000
  /// How many parts are on their way at once.
  private static let width = 3

  /// Puts a file; answers with the object's tag. It becomes visible whole or not at all, and only if `mayAppear` says
  /// so when all of it is there.
  ///
  /// What was sent of a large file is taken back on failure, once; what stays then is left to ``sweepUnfinished``.
  func put(
    _ file: ReadableFile, as key: String, contentType: String, mayAppear: @Sendable () -> Bool
  ) async throws(ObjectFault) -> String {
    guard file.size > settings.partSize else {
      guard mayAppear() else { throw .cancelled }
      return try await put(file, offset: 0, length: file.size, as: key, headers: [("content-type", contentType)])
    }
    let upload = try await begin(key, contentType: contentType)
    do throws(ObjectFault) {
      let parts = try await putParts(of: file, key, upload)
      guard mayAppear(), !Task.isCancelled else { throw ObjectFault.cancelled }
      return try await complete(key, upload, parts, size: file.size)
    } catch {
      // Of a task of its own: this one may be cancelled. What it fails for would hide why the upload failed.
      await Task { try? await abort(key, upload) }.value
      throw error
    }
  }

  private func begin(_ key: String, contentType: String) async throws(ObjectFault) -> String {
    let operation = "begin an upload"
    let answer = try await answer(
      to: request(.post, key, query: [("uploads", "")], headers: [("content-type", contentType)]),
      operation, expecting: [200])
    guard let upload = FlatXML(answer.body).first("UploadId"), !upload.isEmpty else { throw .unreadable(operation) }
    return upload
  }

  private func putParts(
    of file: ReadableFile, _ key: String, _ upload: String
  ) async throws(ObjectFault) -> [Part] {
    let mebibyte = 1 << 20
    let least = (file.size + Self.partLimit - 1) / Self.partLimit
    let size = max(settings.partSize, (least + mebibyte - 1) / mebibyte * mebibyte)
    let count = (file.size + size - 1) / size
    do {
      return try await withThrowingTaskGroup(of: Part.self) { group in
        func add(_ number: Int) {
          group.addTask {
            let offset = (number - 1) * size
            return (
              number,
              try await put(
                file, offset: offset, length: min(size, file.size - offset), as: key,
                query: [("partNumber", "\(number)"), ("uploadId", upload)])
            )
          }
        }
        var next = 1
        while next <= min(Self.width, count) {
          add(next)
          next += 1
        }
        var parts: [Part] = []
        while let part = try await group.next() {
          parts.append(part)
          if next <= count {
            add(next)
            next += 1
          }
        }
        return parts.sorted { $0.number < $1.number }
      }
    } catch let fault as ObjectFault {
      throw fault
    } catch {
      preconditionFailure("a part failed with what no part fails with: \(error)")
    }
  }

  private func complete(
    _ key: String, _ upload: String, _ parts: [Part], size: Int
  ) async throws(ObjectFault) -> String {
    let operation = "complete an upload"
    let list = parts.map { "<Part><PartNumber>\($0.number)</PartNumber><ETag>\($0.tag)</ETag></Part>" }.joined()
    let body = Array("<CompleteMultipartUpload>\(list)</CompleteMultipartUpload>".utf8)
    do throws(ObjectFault) {
      let answer = try await answer(
        to: request(
          .post, key, query: [("uploadId", upload)], headers: [("content-type", "application/xml")],
          body: .bytes(body), digest: RunningDigest.hexadecimal(of: body)), operation, expecting: [200]
      ) { answer in
        // It may begin to answer well and then fail.
        let document = FlatXML(answer.body)
        return document.first("Error") == nil ? nil : ObjectFault(operation, answer, status: 500)
      }
      guard let tag = FlatXML(answer.body).first("ETag") else { throw ObjectFault.unreadable(operation) }
      return tag
    } catch .refused(operation, 404, "NoSuchUpload") {
      // An earlier try was heard, and its answer lost: then the object is there.
      guard let tag = try await tag(of: key, size: size, parts: parts.count) else {
        throw .refused(operation, status: 404, code: "NoSuchUpload")
      }
      return tag
    }
  }

  /// The tag of an object of this size and of so many parts; nil where there is none.
  private func tag(of key: String, size: Int, parts: Int) async throws(ObjectFault) -> String? {
    let answer = try await answer(to: request(.head, key), "describe an object", expecting: [200, 404])
    guard answer.status == 200, answer.head.contentLength == size, let tag = answer.head["etag"],
      tag.hasSuffix("-\(parts)\"")
    else { return nil }
    return tag
  }

  /// Takes back what was sent; tried once, for ten seconds.
  func abort(_ key: String, _ upload: String) async throws(ObjectFault) {
    _ = try await answer(
      to: request(.delete, key, query: [("uploadId", upload)], time: .seconds(10)), "take back an upload",
      expecting: [200, 204, 404], attempts: 1)
  }

  /// An upload that was begun and neither completed nor taken back.
  struct Unfinished: Hashable, Sendable {
    var key: String
    var upload: String
    var begunAt: Timestamp
  }

  /// Those that were begun for keys that begin so, at most 1000; `next` is to be given for those after them.
  func listUnfinished(
    _ prefix: String, after last: Unfinished? = nil
  ) async throws(ObjectFault) -> (entries: [Unfinished], next: Unfinished?) {
    let operation = "list uploads"
    var query = [("uploads", ""), ("prefix", prefix)]
    if let last { query += [("key-marker", last.key), ("upload-id-marker", last.upload)] }
    let document = FlatXML(try await answer(to: request(.get, query: query), operation, expecting: [200]).body)
    var entries: [Unfinished] = []
    for entry in document.elements("Upload") {
      guard let key = entry.first("Key"), let upload = entry.first("UploadId"),
        let time = entry.first("Initiated").flatMap(Self.time)
      else { throw .unreadable(operation) }
      entries.append(Unfinished(key: key, upload: upload, begunAt: time))
    }
    return (entries, document.first("IsTruncated") == "true" ? entries.last : nil)
  }
}
