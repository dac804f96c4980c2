import Jobs

/// A caller's own command line for ffmpeg, read and checked: `-i input.mp4 -vf scale=640:-2 output.mp4`.
///
/// It is cut into words as a shell would cut it and then taken apart: which inputs are opened, in which order and how,
/// and what the output is to be. Every input is one of those that the payload names, the output the one that it names,
/// and all else is judged as ``FFmpegArguments``. The line itself goes to no program.
struct FFmpegCommandLine: Hashable {
  /// An input as the line opens it.
  struct Input: Hashable {
    /// What the payload and the line call it.
    let name: String
    /// The options that stood before it.
    var options: [String] = []
    var span = FFmpegSpan()
    /// Whether it begins anew at its end.
    var isRepeated = false
  }

  let inputs: [Input]
  let arguments: FFmpegArguments

  /// Where its faults are.
  static let pointer = "/command"
  /// The most bytes of a line, and the most inputs that it opens.
  static let byteLimit = 16 << 10
  static let inputLimit = 16

  private struct Option {
    var name: String
    var value: String?
    var words: [String] { ["-\(name)"] + (value.map { [$0] } ?? []) }
  }

  /// Throws all faults at once. `output` is nil where the payload names none that can be: the last word is then
  /// whatever it is.
  init(_ line: String, inputs names: Set<String>, output: ArtifactName?) throws(PayloadFaults) {
    var words = try Self.words(of: line)
    let last = words.popLast()
    if let output, last != output.description {
      throw PayloadFaults([Self.fault("must end with the output, \(PayloadFault.shown(output.description))")])
    }
    var faults: [PayloadFault] = []
    var inputs: [Input] = []
    // What stands before an input belongs to it; what follows the last one is the output's.
    var options: [Option] = []
    var graphs: [Option] = []
    var rest = words[...]
    while let word = rest.popFirst() {
      guard word.hasPrefix("-"), word.utf8.count > 1 else {
        faults.append(Self.fault("\(PayloadFault.shown(word)) is neither an option nor the output at the end"))
        continue
      }
      var option = Option(name: String(word.dropFirst()))
      guard let takesValue = Self.takesValue(option.name) else {
        faults.append(Self.fault("the option \(PayloadFault.shown(word)) is not allowed"))
        // What follows an unknown option may be its value: not judged by itself.
        if let next = rest.first, !next.hasPrefix("-") { rest.removeFirst() }
        continue
      }
      if takesValue {
        guard let value = rest.popFirst() else {
          faults.append(Self.fault("\(PayloadFault.shown(word)) lacks its value"))
          continue
        }
        option.value = value
      }
      switch option.name {
      case "i":
        let input = Self.input(option.value ?? "", options, among: names, &faults)
        inputs.append(input)
        options = []
      case "filter_complex": graphs.append(option)
      case let name where FFmpegOption.ignored[name] != nil: break
      default: options.append(option)
      }
    }
    if inputs.isEmpty { faults.append(Self.fault("opens no input: it lacks an -i")) }
    if inputs.count > Self.inputLimit { faults.append(Self.fault("opens more than \(Self.inputLimit) inputs")) }
    let setting = FFmpegArguments.Setting(inputs: inputs.count, allowsGraph: true, pointer: Self.pointer)
    var arguments: FFmpegArguments?
    do throws(PayloadFaults) {
      arguments = try FFmpegArguments((graphs + options).flatMap(\.words), in: setting)
    } catch {
      faults += error.faults
    }
    guard faults.isEmpty, let arguments else { throw PayloadFaults(faults) }
    self.inputs = inputs
    self.arguments = arguments
  }

  private static func words(of line: String) throws(PayloadFaults) -> [String] {
    guard line.utf8.count <= byteLimit else {
      throw PayloadFaults([fault("has more than \(byteLimit) bytes")])
    }
    var words: [String]
    do throws(ShellWords.Fault) {
      words = try ShellWords.split(line)
    } catch {
      throw PayloadFaults([fault(error.reason)])
    }
    if words.first == "ffmpeg" { words.removeFirst() }
    guard !words.isEmpty else { throw PayloadFaults([fault("is empty")]) }
    return words
  }

  private static func fault(_ reason: String) -> PayloadFault { PayloadFault(pointer, reason) }

  /// Whether a word follows the option; nil for one that may not stand in a line at all.
  private static func takesValue(_ name: String) -> Bool? {
    if name == "i" { return true }
    if let takesValue = FFmpegOption.ignored[name] { return takesValue }
    let value =
      FFmpegOption.ofInput(name)?.value
      ?? FFmpegArguments.option(name, in: FFmpegArguments.Setting(allowsGraph: true))?.value
    guard let value else { return nil }
    if case .none = value { return false }
    return true
  }

  /// The input of an `-i`, with the options before it.
  private static func input(
    _ name: String, _ options: [Option], among names: Set<String>, _ faults: inout [PayloadFault]
  ) -> Input {
    if !names.contains(name) { faults.append(fault("-i \(PayloadFault.shown(name)) names none of the inputs")) }
    var input = Input(name: name)
    for option in options {
      let shown = PayloadFault.shown("-\(option.name)")
      guard let known = FFmpegOption.ofInput(option.name) else {
        faults.append(fault("the option \(shown) may not stand before an input"))
        continue
      }
      if let value = option.value {
        if let reason = known.value.fault(in: value) { faults.append(fault("\(shown) \(reason)")) }
        input.span.note(option.name, value)
        if option.name == "loop" || option.name == "stream_loop" { input.isRepeated = value != "0" }
      }
      input.options += option.words
    }
    return input
  }
}
