import Foundation
import Support

/// What chaos runs as jobs, and what those runs wrote down of themselves.
///
/// A run holds a lock of its job while it lives — the kernel lets it go, however the run ends — so that two
/// at once cannot go unseen, and appends a line where it begins and where it has done its work.
struct ExecutionLog: Sendable {
  private let folder: String
  let program: String

  private static let script = """
    #!/bin/bash
    home=$1 fate=$2 steps=$3 pause=$4
    said="$FANFARE_JOB_ID $FANFARE_ATTEMPT $FANFARE_RUN $$ $PPID"
    lock="$home/locks/$FANFARE_JOB_ID"
    exec 9>>"$lock"
    flock --nonblock 9 || echo "overlap $said $(tail -n 1 "$lock")" >>"$home/log"
    echo "$said" >&9
    echo "begin $said" >>"$home/log"
    for ((step = 1; step <= steps; step++)); do
      echo "$((step * 100 / (steps + 1)))%"
      sleep "$pause"
    done
    echo "end $said" >>"$home/log"
    case $fate:$FANFARE_ATTEMPT in flaky:1 | bad:*) exit 1 ;; esac
    """

  init(in parent: TemporaryFolder) throws {
    folder = parent.path("executions")
    try FileManager.default.createDirectory(atPath: folder + "/locks", withIntermediateDirectories: true)
    program = try parent.write(Self.script, to: "executions/run")
  }

  /// The arguments of bash in a command's configuration.
  var arguments: String {
    #"["\#(program)", "\#(folder)", "{payload.fate}", "{payload.steps}", "{payload.pause}"]"#
  }

  struct Entry {
    enum Word: String { case begin, end, overlap }
    let word: Word
    let job: String
    /// The worker process below which it ran; of an overlap, that of the run which was there before.
    let worker: String
    let line: String
  }

  var entries: [Entry] {
    let text = (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap { line in
      let parts = line.split(separator: " ").map(String.init)
      guard parts.count >= 6, let word = Entry.Word(rawValue: parts[0]) else { return nil }
      return Entry(word: word, job: parts[1], worker: parts[parts.count - 1], line: String(line))
    }
  }

  /// Processes of runs that live: their program, or what it started, works in `parent`.
  func survivors(in parent: TemporaryFolder) -> [String] {
    let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return processes.filter { name in
      guard Int(name) != nil else { return false }
      let place = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(name)/cwd")) ?? ""
      if place.hasPrefix(parent.path + "/") { return true }
      guard let words = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else { return false }
      return String(decoding: words, as: UTF8.self).contains(program)
    }
  }
}
