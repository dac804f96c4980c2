/// Which of `names` somebody meant who wrote `name`: the one that fewest edits lead to, if they are
/// few. An exchange of neighbours counts as one edit.
func nearestName(to name: String, among names: [String]) -> String? {
  let ranked = names.map { (name: $0, distance: editDistance(name, $0)) }
    .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
  guard let ranked, ranked.distance <= max(2, name.count / 3) else { return nil }
  return ranked.name
}

/// Insertions, deletions, replacements and exchanges of neighbours between two texts (optimal string
/// alignment). Cost: the product of their lengths.
private func editDistance(_ a: String, _ b: String) -> Int {
  let a = Array(a), b = Array(b)
  guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
  var rows = [Array(0...b.count)]
  for i in 1...a.count {
    var row = [i]
    for j in 1...b.count {
      var cost = min(
        rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
      if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
        cost = min(cost, rows[i - 2][j - 2] + 1)
      }
      row.append(cost)
    }
    rows.append(row)
  }
  return rows[a.count][b.count]
}
