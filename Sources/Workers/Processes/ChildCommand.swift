import Foundation

/// A program to run as a child process, never through a shell.
package struct ChildCommand: Hashable, Sendable {
  /// A name to be looked up on ``path``, or an absolute path.
  package var program: String
  /// Each goes to the program as it is.
  package var arguments: [String]
  /// Added to, and over, the few variables every child gets; nothing is inherited.
  package var environment: [String: String]
  /// Where the program starts; nil for the job's folder.
  package var folder: String?
  /// A file to be its standard input; nil for none.
  package var inputFile: String?
  /// What a line has over this many bytes is dropped.
  package var lineLimit: Int
  /// The most bytes the program may write to its standard output and error together.
  package var outputLimit: Int
  /// The longest it may run by itself, whatever the job may; nil for no limit.
  package var timeLimit: Duration?

  /// Where programs are looked for.
  package static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// Where a program lies, given by a name or an absolute path; nil where there is none that may be run.
  package static func location(of program: String) -> String? {
    let places = program.hasPrefix("/") ? [program] : path.split(separator: ":").map { "\($0)/\(program)" }
    return places.first { place in
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: place, isDirectory: &isFolder) && !isFolder.boolValue
        && FileManager.default.isExecutableFile(atPath: place)
    }
  }

  package init(
    _ program: String, _ arguments: [String] = [], environment: [String: String] = [:],
    folder: String? = nil, inputFile: String? = nil, lineLimit: Int = 64 << 10,
    outputLimit: Int = 64 << 20,
    timeLimit: Duration? = nil
  ) {
    self.program = program
    self.arguments = arguments
    self.environment = environment
    self.folder = folder
    self.inputFile = inputFile
    self.lineLimit = lineLimit
    self.outputLimit = outputLimit
    self.timeLimit = timeLimit
  }
}

/// How a child process ended.
package enum ChildExit: Hashable, Sendable {
  case status(Int32)
  case signal(Int32)
}

/// Why a child process could not be run to its end.
package enum ChildProcessError: Error, Hashable, Sendable {
  /// The program could not be started: its name, and why.
  case notStarted(String, reason: String)
  /// It wrote more than it may, and was killed.
  case tooMuchOutput(limit: Int)
  /// It ran longer than it may, and was killed.
  case tooLong(limit: Duration)
}
