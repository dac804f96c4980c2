import EventLoop
import Jobs

// S5, ClipForge's queue manager: a NestJS service over Bull's queues.
// docs/compatibility.md has a row for each line of its contract.

extension LegacyAPI {
  static let clipForge = LegacyAPI(
    name: "clipforge", port: 8000, prefix: "/api",
    dialect: LegacyDialect(
      .statusCode, words: [.jobNotFound: "Job not found", .queueNotFound: "Queue not found"],
      statuses: [
        .conflict: 400, .queueNotEmpty: 400, .queueDraining: 400, .changedMeanwhile: 409, .idempotencyKeyReused: 400,
      ]),
    queues: ClipQueueType.allCases.map { ($0.queue, $0.kind, $0.settings) },
    variables: [
      LegacyVariable(["REDIS_HOST", "REDIS_PORT", "QUEUE_REDIS_DB"], "broker.url") { environment in
        let (host, port, database) = (
          environment["REDIS_HOST"], environment["REDIS_PORT"], environment["QUEUE_REDIS_DB"]
        )
        guard host != nil || port != nil || database != nil else { return nil }
        return "redis://\(host ?? "redis"):\(port ?? "6379")/\(database ?? "1")"
      }
    ]
  ) {
    LegacyRoute(.get, "/queues") {
      ListClipQueues(try ClipQueueFilter($0.parameters))
    } answer: { page, _ in
      .json(
        .object { answer in
          answer.array("queues") { list in for queue in page.queues { list.object { $0.write(queue) } } }
          answer.member("total", page.total)
          answer.member("limit", page.limit)
          answer.member("offset", page.offset)
        })
    }
    LegacyRoute(.get, "/queues/stats") { _ in
      ListClipQueues(.all)
    } answer: { page, _ in
      .json(.object { $0.writeStatistics(of: page.queues) })
    }
    LegacyRoute(.get, "/queues/health") { _ in
      ListClipQueues(.all)
    } answer: { page, _ in
      .json(.object { $0.writeHealth(of: page.queues) })
    }
    LegacyRoute(.get, "/queues/name/:name") {
      FindClipQueue(.name(try $0.part("name")))
    } answer: { queue, _ in
      .json(.object { $0.write(queue) })
    }
    LegacyRoute(.get, "/queues/:id") {
      FindClipQueue(.id(try $0.part("id")))
    } answer: { queue, _ in
      .json(.object { $0.write(queue) })
    }
    LegacyRoute(.post, "/queues") {
      try CreateClipQueue(await $0.members())
    } answer: { queue, _ in
      .json(.object { $0.write(queue) }, status: 201)
    }
    LegacyRoute(.patch, "/queues/:id") { call in
      ChangeClipQueue(try call.part("id"), try ClipQueueChange(await call.members()))
    } answer: { queue, _ in
      .json(.object { $0.write(queue) })
    }
    LegacyRoute(.post, "/queues/:id/pause") { call in
      ChangeClipQueue(try call.part("id"), ClipQueueChange(status: .paused), isStep: true)
    } answer: { queue, _ in
      .json(.object { $0.write(queue) })
    }
    LegacyRoute(.post, "/queues/:id/resume") { call in
      ChangeClipQueue(try call.part("id"), ClipQueueChange(status: .active), isStep: true)
    } answer: { queue, _ in
      .json(.object { $0.write(queue) })
    }
    LegacyRoute(.post, "/queues/:id/clear") {
      ClearClipQueue(try $0.part("id"))
    } answer: { removed, _ in
      .json(
        .object {
          $0.member("success", true)
          $0.member("removed", removed)
        })
    }
    LegacyRoute(.delete, "/queues/:id") {
      DeleteClipQueue(try $0.part("id"))
    } answer: { _, _ in
      .json(.object { $0.member("success", true) })
    }
    LegacyRoute(.post, "/queues/:id/jobs") { call in
      try AddClipJob(to: call.part("id"), await call.members())
    } answer: { job, _ in
      .json(.object { $0.writeBull(job) }, status: 201)
    }
    LegacyRoute(.get, "/queues/:id/jobs/:job") { call in
      FindClipJob(try call.part("id"), try call.part("job"))
    } answer: { job, _ in
      .json(.object { $0.writeBull(job) })
    }
    LegacyRoute(.delete, "/queues/:id/jobs/:job") { call in
      RemoveClipJob(try call.part("id"), try call.part("job"))
    } answer: { isGone, _ in
      .json(
        .object {
          $0.member("success", true)
          // A running job is cancelled, and goes when its run has ended.
          $0.member("removed", isGone)
        })
    }
  }
}
