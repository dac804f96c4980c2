import Jobs
import Testing

@testable import Fanfare

@Suite("A job on one line") struct ProgressBarTests {
  private func job(_ change: (inout WatchedJob) -> Void = { _ in }) -> WatchedJob {
    var job = WatchedJob(id: "0198c1f2-0000-8000-8000-000000000000")
    job.state = .running
    job.percent = 41.2
    job.stage = "encoding"
    change(&job)
    return job
  }

  @Test(
    "the bar fills from left to right and never leaves its width",
    arguments: [
      (0.0, "[          ]"), (9, "[          ]"), (10, "[>         ]"), (50, "[====>     ]"),
      (99.9, "[========> ]"), (100, "[==========]"), (250, "[==========]"), (-3, "[          ]"),
    ])
  func bar(_ percent: Double, _ text: String) {
    #expect(ProgressBar.bar(percent, width: 12) == text)
  }

  @Test("shows stage, bar, percent, speed and what is left")
  func running() {
    let job = job {
      $0.speed = 1.84
      $0.remaining = .seconds(72)
    }
    #expect(
      ProgressBar.line(for: job, width: 60)
        == "encoding  [========>              ]   41.2%  1.8x  1:12 left")
  }

  @Test("leaves the bar out where there is no room, and then cuts", arguments: 1...100)
  func narrow(_ width: Int) {
    let line = ProgressBar.line(for: job { $0.speed = 2 }, width: width)
    #expect(line.count <= width)
    #expect(line.contains("[") == (width >= 34))
  }

  @Test("shows the place in the queue")
  func queued() {
    let job = job {
      $0.state = .queued
      $0.percent = nil
      $0.place = 3
    }
    #expect(ProgressBar.line(for: job, width: 80) == "queued, place 3")
  }

  @Test("shows how it ended, why, and after how long")
  func ended() {
    let completed = job {
      $0.state = .completed
      $0.percent = 100
      $0.startedAt = Timestamp(milliseconds: 1000)
      $0.finishedAt = Timestamp(milliseconds: 63_400)
    }
    #expect(ProgressBar.line(for: completed, width: 80) == "completed  after 1:02")
    let failed = job {
      $0.state = .failed
      $0.failure = JobFailure(code: "exit_status", message: "ffmpeg ended with 1")
    }
    #expect(ProgressBar.line(for: failed, width: 80) == "failed  ffmpeg ended with 1")
  }

  @Test("says that a worker is silent, that a job is being cancelled, and which attempt it is")
  func facts() {
    let job = job {
      $0.isStalled = true
      $0.isCancelling = true
      $0.attempt = 2
      $0.percent = nil
    }
    #expect(ProgressBar.line(for: job, width: 80) == "cancelling  its worker is silent  attempt 2")
  }

  @Test(
    "durations are shown as a clock",
    arguments: [(7, "0:07"), (750, "12:30"), (3723, "1:02:03"), (-1, "0:00")])
  func clock(_ seconds: Int, _ text: String) {
    #expect(ProgressBar.clock(.seconds(seconds)) == text)
  }
}

@Suite("A job in lines") struct ProgressLinesTests {
  @Test("one line for each change of state, stage or ten percent, none between")
  func lines() {
    var lines = ProgressLines()
    var job = WatchedJob(id: "j")
    job.place = 2
    var told: [String?] = [lines.line(for: job)]
    job.place = nil
    job.state = .running
    for percent in [0.0, 4, 9.9, 10, 12, 31.26, 39] {
      job.percent = percent
      told.append(lines.line(for: job))
    }
    job.stage = "muxing"
    told.append(lines.line(for: job))
    job.state = .completed
    told.append(lines.line(for: job))
    #expect(
      told == [
        "j  queued, place 2", "j  running  0%", nil, nil, "j  running  10%", nil,
        "j  running  31.2%", nil, "j  running  39%  muxing", "j  completed",
      ])
  }
}
