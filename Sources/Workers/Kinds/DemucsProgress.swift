/// Reads what Demucs says of its work: a bar for each model of the one that was chosen, redrawn on standard error, each
/// from 0 to 100 percent.
struct DemucsProgress: Equatable {
  private var models = 1
  private var finished = 0
  private var current = 0.0

  /// Takes a line of its output or errors; answers with the percent of the whole where the line moved it.
  mutating func feed(_ line: String) -> Double? {
    if let match = line.firstMatch(of: /bag of ([0-9]{1,3}) models/) {
      models = max(1, Int(match.1) ?? 1)
      return nil
    }
    // The bar counts seconds of sound; bars of other units are those of a model being downloaded.
    guard let match = line.wholeMatch(of: /\s*([0-9]{1,3})%\|.*seconds\/s.*/) ?? line.wholeMatch(of: Self.slow),
      let percent = Double(match.1), percent <= 100
    else { return nil }
    // A bar that begins again is that of the next model.
    if percent < current { finished = min(finished + 1, models - 1) }
    current = percent
    return (Double(finished) + percent / 100) / Double(models) * 100
  }

  /// What takes longer than a second for one of sound is shown the other way round.
  private static var slow: Regex<(Substring, Substring)> { /\s*([0-9]{1,3})%\|.*s\/seconds.*/ }
}
