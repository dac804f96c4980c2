package import Foundation

/// When something recurs: the five fields of cron (minute, hour, day of the month, month, day of the
/// week) or one of `@yearly @monthly @weekly @daily @hourly`.
///
/// A field is `*`, or a list of numbers, ranges `a-b` and steps `*/n`, `a-b/n`; months and days of the
/// week may be named (`jan`, `mon`), Sunday is 0 or 7. Where both days are restricted, either suffices,
/// as cron has it since Vixie. When clocks go forward, a fixed hour that is left out fires at the
/// moment after the gap; when they go back, one that comes twice fires the first time. With `*` or a
/// step for the hour, every matching minute that passes fires.
package struct CronExpression: Hashable, Sendable, CustomStringConvertible {
  package let description: String
  private let minutes: Set<Int>
  private let hours: Set<Int>
  private let days: Set<Int>
  private let months: Set<Int>
  private let weekdays: Set<Int>
  private let eitherDay: Bool
  private let hasFixedHour: Bool

  /// What is wrong with a text that is no expression.
  package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
  }

  private static let macros = [
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
  ]
  private static let monthNames = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
  ]
  private static let weekdayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  /// Reads an expression; throws a ``Fault`` that names the field.
  package init(_ text: String) throws(Fault) {
    description = text
    let spelled = Self.macros[text.lowercased()] ?? text.lowercased()
    let fields = spelled.split(whereSeparator: \.isWhitespace).map(String.init)
    guard fields.count == 5 else {
      throw Fault(description: "has \(fields.count) fields, wanted are 5 (minute hour day month weekday)")
    }
    minutes = try Self.numbers(fields[0], "minute", 0...59)
    hours = try Self.numbers(fields[1], "hour", 0...23)
    days = try Self.numbers(fields[2], "day", 1...31)
    months = try Self.numbers(fields[3], "month", 1...12, names: Self.monthNames, first: 1)
    weekdays = Set(
      try Self.numbers(fields[4], "weekday", 0...7, names: Self.weekdayNames, first: 0)
        .map { $0 % 7 })
    eitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
    hasFixedHour = !fields[1].hasPrefix("*")
  }

  private static func numbers(
    _ field: String, _ name: String, _ bounds: ClosedRange<Int>, names: [String] = [],
    first: Int = 0
  ) throws(Fault) -> Set<Int> {
    func fault(_ part: Substring) -> Fault {
      Fault(
        description:
          "has \"\(part)\" for the \(name), wanted are numbers from \(bounds.lowerBound) to \(bounds.upperBound), *, a-b or /n"
      )
    }
    func number(_ text: Substring) -> Int? {
      if let place = names.firstIndex(of: String(text)) { return place + first }
      guard let number = Int(text), text.allSatisfy(\.isNumber), bounds.contains(number) else {
        return nil
      }
      return number
    }
    var found: Set<Int> = []
    for part in field.split(separator: ",", omittingEmptySubsequences: false) {
      let halves = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      guard let span = halves.first else { throw fault(part) }
      var step = 1
      if halves.count == 2 {
        guard let every = Int(halves[1]), every > 0, halves[1].allSatisfy(\.isNumber) else { throw fault(part) }
        step = every
      }
      let range: ClosedRange<Int>
      if span == "*" {
        range = bounds
      } else {
        let ends = span.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let low = number(ends[0]) else { throw fault(part) }
        var high = low
        if ends.count == 2 {
          guard let end = number(ends[1]), end >= low else { throw fault(part) }
          high = end
        } else if halves.count == 2 {
          high = bounds.upperBound
        }
        range = low...high
      }
      found.formUnion(stride(from: range.lowerBound, through: range.upperBound, by: step))
    }
    return found
  }

  /// The first moment after `time` at which it fires, in a time zone; nil when there is none within
  /// eight years, as on a 30th of February.
  package func next(after time: Timestamp, in zone: TimeZone) -> Timestamp? {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    var moment = Date(timeIntervalSince1970: Double(time.milliseconds / 60_000 + 1) * 60)
    let end = moment.addingTimeInterval(8 * 366 * 86_400)
    while moment < end {
      let parts = calendar.dateComponents([.month, .day, .weekday, .hour, .minute], from: moment)
      guard let month = parts.month, let day = parts.day, let weekday = parts.weekday,
        let hour = parts.hour, let minute = parts.minute
      else { return nil }
      guard months.contains(month), matchesDay(day, weekday - 1) else {
        let unit: Calendar.Component = months.contains(month) ? .day : .month
        guard let start = calendar.dateInterval(of: unit, for: moment)?.end else { return nil }
        // A gap at midnight belongs to the day that it begins.
        moment = start
        if firesAfterGap(before: moment, calendar) { return Timestamp(moment) }
        continue
      }
      if firesAfterGap(before: moment, calendar) { return Timestamp(moment) }
      if hours.contains(hour), minutes.contains(minute), !isRepeated(moment, calendar) {
        return Timestamp(moment)
      }
      // No zone's clock jumps within an hour but at its whole quarters.
      let skip = hours.contains(hour) ? 1 : 15 - minute % 15
      moment = moment.addingTimeInterval(Double(skip) * 60)
    }
    return nil
  }

  private func matchesDay(_ day: Int, _ weekday: Int) -> Bool {
    eitherDay
      ? days.contains(day) || weekdays.contains(weekday)
      : days.contains(day) && weekdays.contains(weekday)
  }

  /// Whether clocks went forward right before this moment, over a time at which it was to fire.
  private func firesAfterGap(before moment: Date, _ calendar: Calendar) -> Bool {
    guard hasFixedHour else { return false }
    let zone = calendar.timeZone
    let gap = zone.secondsFromGMT(for: moment) - zone.secondsFromGMT(for: moment - 60)
    guard gap > 0 else { return false }
    var fixed = Calendar(identifier: .gregorian)
    fixed.timeZone = TimeZone(secondsFromGMT: zone.secondsFromGMT(for: moment - 60)) ?? zone
    return stride(from: 0, to: gap, by: 60).contains { offset in
      let parts = fixed.dateComponents(
        [.month, .day, .weekday, .hour, .minute], from: moment + Double(offset))
      guard let month = parts.month, let day = parts.day, let weekday = parts.weekday,
        let hour = parts.hour, let minute = parts.minute
      else { return false }
      return months.contains(month) && matchesDay(day, weekday - 1) && hours.contains(hour)
        && minutes.contains(minute)
    }
  }

  /// Whether the clock showed the same time before, because it went back.
  private func isRepeated(_ moment: Date, _ calendar: Calendar) -> Bool {
    guard hasFixedHour else { return false }
    let zone = calendar.timeZone
    let now = zone.secondsFromGMT(for: moment)
    // Clocks go back by an hour at most, in every zone of today's rules.
    let before = zone.secondsFromGMT(for: moment - 3600)
    guard before > now else { return false }
    let earlier = moment - Double(before - now)
    return zone.secondsFromGMT(for: earlier) == before
  }
}

extension Timestamp {
  fileprivate init(_ date: Date) {
    self.init(milliseconds: Int64(date.timeIntervalSince1970 * 1000))
  }
}
