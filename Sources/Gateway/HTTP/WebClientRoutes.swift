import EventLoop
import WebClient

/// `/` and `/client/…`: the page and the modules, carried inside the binary.
package enum WebClientRoutes {
  package static var routes: [Route] {
    [
      Route(.get, "/", .open) { call in try answer("index.html", call) },
      Route(.get, "/client/:file", .open) { call in
        try answer(call.parameters["file"] ?? "", call)
      },
    ]
  }

  @EventLoop private static func answer(_ name: String, _ call: Call) throws(Problem) -> Response {
    guard let file = WebClient.file(named: name) else { throw .notFound }
    let headers: [(name: String, value: String)] = [
      ("content-type", file.contentType), ("etag", file.entityTag), ("cache-control", "no-cache"),
      // Scripts and styles of our own only; media from our own artifacts.
      (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
          + "media-src 'self' blob:; connect-src 'self' ws: wss:; form-action 'none'; "
          + "base-uri 'none'; frame-ancestors 'self'"
      ),
      ("referrer-policy", "no-referrer"),
    ]
    if call.request.headers["if-none-match"] == file.entityTag {
      return Response(304, headers: headers)
    }
    return Response(200, headers: headers, body: .bytes(file.bytes))
  }
}
