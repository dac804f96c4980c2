import Jobs

/// How an older system tells what went wrong: the shape of its errors, and its words for some of them.
package struct LegacyDialect: Sendable {
  /// The shapes that its framework gives errors.
  enum Shape: Sendable {
    /// `{"error":"…"}`: Go's and Flask's services.
    case error
    /// `{"success":false,"error":"…"}`
    case failure
    /// `{"detail":"…"}`, and for faults of a body 422 with `{"detail":[{"loc","msg","type"}]}`: FastAPI.
    case detail
    /// `{"statusCode":404,"message":"…","error":"Not Found"}`: NestJS.
    case statusCode
  }

  let shape: Shape
  /// What it says, where our problem says something else.
  private let words: [Problem.Code: String]
  /// The status that it answers with, where ours is another.
  private let statuses: [Problem.Code: Int]

  init(_ shape: Shape, words: [Problem.Code: String] = [:], statuses: [Problem.Code: Int] = [:]) {
    self.shape = shape
    self.words = words
    self.statuses = statuses
  }

  /// The answer to a problem of a request. What our clients act on stands in its headers, whatever the shape.
  func response(to problem: Problem, of request: Request) -> Response {
    let ours = problem.response
    var status = statuses[problem.code] ?? problem.status
    var writer = JSONWriter()
    let text = sentence(of: problem)
    writer.object {
      switch shape {
      case .error: $0.member("error", text)
      case .failure:
        $0.member("success", false)
        $0.member("error", text)
      case .detail where !problem.faults.isEmpty:
        status = 422
        $0.array("detail") { list in
          for fault in problem.faults { list.object { write(fault, of: request, into: &$0) } }
        }
      case .detail: $0.member("detail", text)
      case .statusCode:
        $0.member("statusCode", status)
        if problem.faults.isEmpty {
          $0.member("message", text)
        } else {
          $0.array("message") { list in for fault in problem.faults { list.element(sentence(of: fault)) } }
        }
        $0.member("error", StatusLine.reason(status))
      }
    }
    return Response(
      status,
      headers: ours.headers.filter { $0.name != "content-type" } + [
        ("content-type", "application/json"), ("cache-control", "no-store"), ("x-problem", problem.code.rawValue),
      ], body: .bytes(writer.bytes))
  }

  private func sentence(of problem: Problem) -> String {
    guard problem.faults.isEmpty else {
      return problem.faults.map(sentence).joined(separator: "; ")
    }
    return problem.detail ?? words[problem.code] ?? problem.code.title
  }

  /// `priority must be …`
  private func sentence(of fault: Problem.Fault) -> String {
    let place = fault.pointer.split(separator: "/").joined(separator: ".")
    return place.isEmpty ? "The body \(fault.detail)" : "\(place) \(fault.detail)"
  }

  private func write(_ fault: Problem.Fault, of request: Request, into writer: inout JSONWriter) {
    writer.array("loc") { list in
      list.element([.get, .head].contains(request.method) ? "query" : "body")
      for part in fault.pointer.split(separator: "/") { list.element(String(part)) }
    }
    writer.member("msg", fault.detail)
    writer.member("type", "value_error")
  }
}

extension JobState {
  /// As systems tell it that know five states.
  var amongFive: String {
    switch self {
    case .scheduled, .blocked, .queued, .retrying: "queued"
    case .running: "processing"
    case .completed: "completed"
    case .failed: "failed"
    case .cancelled: "cancelled"
    }
  }
}
