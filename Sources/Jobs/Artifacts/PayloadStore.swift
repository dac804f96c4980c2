import EventLoop

/// Keeps payloads over a limit out of the broker: in the artifact store, a file a job.
///
/// **On the way in** a payload is moved before the broker is asked, and is safe on disk by then. What decides
/// whether two submissions are the same (``JobRequest/fingerprint``, content keys, unique keys) is the same
/// for a payload that was moved.
///
/// **How long it lives.** A file is named by its job, and lives as long as the job is on record: for retries,
/// for being run again after its end, for backups. That of a group's callback lives as long as its group or, once
/// it was submitted, its job. A schedule has no file: it keeps its text in the broker, as there are few of them,
/// and each job that it submits gets a file of its own. So no two records ever share a file, and whoever knows
/// the ids knows what is needed. A file whose job came to nothing — the broker refused it, or answered with an
/// earlier one — is removed at once; where the broker's answer is not known, or the process ended in between, or
/// the record was forgotten, ``sweep(olderThan:now:removes:knownTo:)`` removes it.
package struct PayloadStore: Sendable {
  package let files: ArtifactStore
  /// A payload of more bytes is moved.
  package let inlineLimit: Int

  /// The limit where nothing else is configured, and the bounds of what may be.
  package static let standardInlineLimit = 16 << 10
  package static let inlineLimits = 1 << 10...JobRequest.payloadLimit

  package init(files: ArtifactStore, inlineLimit: Int = Self.standardInlineLimit) {
    precondition(Self.inlineLimits.contains(inlineLimit), "a limit that no broker holds")
    self.files = files
    self.inlineLimit = inlineLimit
  }

  // MARK: In

  /// Why a submission came to nothing.
  package enum SubmissionFault: Error, Hashable, Sendable {
    case broker(BrokerError)
    /// The payload could not be kept; the broker was not asked.
    case store(ArtifactError)
  }

  /// Asks a broker for a job, its payload moved where it is over the limit. `isKept` tells from the broker's
  /// answer whether the request is on record now: otherwise its file is removed again.
  @EventLoop
  package func submit<Answer>(
    _ request: JobRequest, callbackOf group: GroupID? = nil,
    to ask: @EventLoop (JobRequest) async throws(BrokerError) -> Answer,
    isKept: (Answer) -> Bool
  ) async throws(SubmissionFault) -> Answer {
    let moved: JobRequest
    do throws(ArtifactError) { moved = try await self.moved(request, callbackOf: group) } catch {
      throw .store(error)
    }
    do throws(BrokerError) {
      let answer = try await ask(moved)
      if case .stored(let payload) = moved.payload, !isKept(answer) { await forget(payload) }
      return answer
    } catch {
      if case .stored(let payload) = moved.payload, error.refuses { await forget(payload) }
      throw .broker(error)
    }
  }

  /// The request as a broker is to keep it; its payload, if it is over the limit, is safe in the store.
  @EventLoop
  package func moved(
    _ request: JobRequest, callbackOf group: GroupID? = nil
  ) async throws(ArtifactError) -> JobRequest {
    var request = request
    request.payload = try await moved(request.payload, of: request.id, group: group)
    return request
  }

  /// The payload of this job as a broker is to keep it.
  package func moved(
    _ payload: JobPayload, of job: JobID, group: GroupID? = nil
  ) async throws(ArtifactError) -> JobPayload {
    guard case .inline(let text) = payload, text.bytes.count > inlineLimit else { return payload }
    return .stored(try await files.keep(text, of: job, group: group))
  }

  // MARK: Out

  /// The text of a payload, wherever it lies.
  package func text(of payload: JobPayload) async throws(StoredPayloadFault) -> JSONText {
    switch payload {
    case .inline(let text): text
    case .stored(let payload): try await files.text(of: payload)
    }
  }

  /// Removes a payload whose record is gone. One that cannot be removed now is left to the sweep.
  package func forget(_ payload: StoredPayload) async {
    do throws(ArtifactError) { try await files.remove(payload) } catch {}
  }

  /// Removes the files that neither this broker nor any other with the same folder has had a use for since `age`
  /// (``ArtifactStore/sweepPayloads(olderThan:now:removes:unless:)``).
  package func sweep(
    olderThan age: Duration, now: Timestamp = .now, removes: Bool = true, knownTo broker: any Broker
  ) async throws -> Int {
    try await files.sweepPayloads(olderThan: age, now: now, removes: removes) { job, group in
      if try await broker.job(job) != nil { return true }
      guard let group else { return false }
      return try await broker.group(group) != nil
    }
  }
}

extension BrokerError {
  /// Whether it is certain that nothing was accepted.
  fileprivate var refuses: Bool {
    switch self {
    case .unavailable, .corrupt: false
    default: true
    }
  }
}

// MARK: Archives

/// An archive holds the texts themselves, so that it can be restored where the store is another.
extension PayloadStore {
  /// The entry with its payload's text, as a backup has it. Where the text cannot be had the reference stays:
  /// the job is worth keeping all the same, and its file may turn up.
  package func inlined(_ entry: ArchiveEntry) async -> ArchiveEntry {
    guard case .stored(let payload)? = entry.payload else { return entry }
    do throws(StoredPayloadFault) {
      return entry.with(payload: .inline(try await files.text(of: payload)))
    } catch {
      return entry
    }
  }

  /// The entry as a broker is to keep it: what is over the limit here is moved here.
  package func moved(_ entry: ArchiveEntry) async throws(ArtifactError) -> ArchiveEntry {
    switch entry {
    case .job(let snapshot):
      guard let payload = snapshot.job.payload else { return entry }
      return entry.with(payload: try await moved(payload, of: snapshot.job.id))
    case .group(let group, let callback?):
      return entry.with(
        payload: try await moved(callback.payload, of: callback.id, group: group.id))
    case .group, .queue, .schedule, .ledger, .revocation: return entry
    }
  }
}

extension ArchiveEntry {
  /// What was asked for with the job, or is to be with a group's callback.
  var payload: JobPayload? {
    switch self {
    case .job(let snapshot): snapshot.job.payload
    case .group(_, let callback): callback?.payload
    case .queue, .schedule, .ledger, .revocation: nil
    }
  }

  /// The same with another payload, where it has one.
  fileprivate func with(payload: JobPayload) -> ArchiveEntry {
    switch self {
    case .job(var snapshot):
      snapshot.job.payload = payload
      return .job(snapshot)
    case .group(let group, var callback?):
      callback.payload = payload
      return .group(group, callback: callback)
    case .group, .queue, .schedule, .ledger, .revocation: return self
    }
  }
}
