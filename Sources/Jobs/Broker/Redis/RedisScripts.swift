import Redis

/// The functions of a partition, assembled from `Sources/Jobs/Lua` by ``LuaAssembler``.
struct RedisScripts: Sendable {
  let archive, audit, beat, beatNode, cancel, clear, closeGroup, control, createGroup, deleteQueue, direct,
    discard, enqueue, exchange, expire, extend, feed, fire, list, listGroup, log, nodes, passOn, places, positions,
    promote, prune, putSchedule, queues, read, reap, report, restore, restoreGroup, restoreLedger, revocations, revoke,
    setQueue, spendRequest, statistics, upcoming, workers: RedisFunction
  /// Each of these.
  let all: [RedisFunction]

  init(keys: RedisKeys) {
    let assembler = LuaAssembler(includes: Self.includes, constants: keys.constants)
    let prefix = keys.functions
    var made: [RedisFunction] = []
    func script(_ name: String, _ bytes: [UInt8]) -> RedisFunction {
      made.append(assembler.assemble(bytes, as: "\(prefix)_\(name)"))
      return made[made.count - 1]
    }
    archive = script("archive", PackageResources.archive_lua)
    audit = script("audit", PackageResources.audit_lua)
    beat = script("beat", PackageResources.beat_lua)
    beatNode = script("beat_node", PackageResources.beat_node_lua)
    cancel = script("cancel", PackageResources.cancel_lua)
    clear = script("clear", PackageResources.clear_lua)
    closeGroup = script("close_group", PackageResources.close_group_lua)
    control = script("control", PackageResources.control_lua)
    createGroup = script("create_group", PackageResources.create_group_lua)
    deleteQueue = script("delete_queue", PackageResources.delete_queue_lua)
    direct = script("direct", PackageResources.direct_lua)
    discard = script("discard", PackageResources.discard_lua)
    enqueue = script("enqueue", PackageResources.enqueue_lua)
    exchange = script("exchange", PackageResources.exchange_lua)
    expire = script("expire", PackageResources.expire_lua)
    extend = script("extend", PackageResources.extend_lua)
    feed = script("feed", PackageResources.feed_lua)
    fire = script("fire", PackageResources.fire_lua)
    list = script("list", PackageResources.list_lua)
    listGroup = script("list_group", PackageResources.list_group_lua)
    log = script("log", PackageResources.log_lua)
    nodes = script("nodes", PackageResources.nodes_lua)
    passOn = script("pass_on", PackageResources.pass_on_lua)
    places = script("places", PackageResources.places_lua)
    positions = script("positions", PackageResources.positions_lua)
    promote = script("promote", PackageResources.promote_lua)
    prune = script("prune", PackageResources.prune_lua)
    putSchedule = script("put_schedule", PackageResources.put_schedule_lua)
    queues = script("queues", PackageResources.queues_lua)
    read = script("read", PackageResources.read_lua)
    reap = script("reap", PackageResources.reap_lua)
    report = script("report", PackageResources.report_lua)
    restore = script("restore", PackageResources.restore_lua)
    restoreGroup = script("restore_group", PackageResources.restore_group_lua)
    restoreLedger = script("restore_ledger", PackageResources.restore_ledger_lua)
    revocations = script("revocations", PackageResources.revocations_lua)
    revoke = script("revoke", PackageResources.revoke_lua)
    setQueue = script("set_queue", PackageResources.set_queue_lua)
    spendRequest = script("spend_request", PackageResources.spend_request_lua)
    statistics = script("statistics", PackageResources.statistics_lua)
    upcoming = script("upcoming", PackageResources.upcoming_lua)
    workers = script("workers", PackageResources.workers_lua)
    all = made
  }

  static let includes: [String: [UInt8]] = [
    "includes/accept": PackageResources.accept_lua,
    "includes/admit": PackageResources.admit_lua,
    "includes/block": PackageResources.block_lua,
    "includes/bucket": PackageResources.bucket_lua,
    "includes/change": PackageResources.change_lua,
    "includes/check_group": PackageResources.check_group_lua,
    "includes/check_job": PackageResources.check_job_lua,
    "includes/check_queue": PackageResources.check_queue_lua,
    "includes/claim": PackageResources.claim_lua,
    "includes/claimed": PackageResources.claimed_lua,
    "includes/claims": PackageResources.claims_lua,
    "includes/count_change": PackageResources.count_change_lua,
    "includes/count_group": PackageResources.count_group_lua,
    "includes/counter": PackageResources.counter_lua,
    "includes/counts": PackageResources.counts_lua,
    "includes/describe": PackageResources.describe_lua,
    "includes/describe_queue": PackageResources.describe_queue_lua,
    "includes/digits": PackageResources.digits_lua,
    "includes/drop_claims": PackageResources.drop_claims_lua,
    "includes/end_drain": PackageResources.end_drain_lua,
    "includes/end_jobs": PackageResources.end_jobs_lua,
    "includes/ends": PackageResources.ends_lua,
    "includes/end_group": PackageResources.end_group_lua,
    "includes/expire_job": PackageResources.expire_job_lua,
    "includes/enter": PackageResources.enter_lua,
    "includes/extend_leases": PackageResources.extend_leases_lua,
    "includes/fail_child": PackageResources.fail_child_lua,
    "includes/failure": PackageResources.failure_lua,
    "includes/fair": PackageResources.fair_lua,
    "includes/feed_change": PackageResources.feed_change_lua,
    "includes/find": PackageResources.find_lua,
    "includes/finish": PackageResources.finish_lua,
    "includes/finish_stopped": PackageResources.finish_stopped_lua,
    "includes/forget": PackageResources.forget_lua,
    "includes/forget_all": PackageResources.forget_all_lua,
    "includes/free_place": PackageResources.free_place_lua,
    "includes/group": PackageResources.group_lua,
    "includes/index_job": PackageResources.index_job_lua,
    "includes/index_restored": PackageResources.index_restored_lua,
    "includes/is_terminal": PackageResources.is_terminal_lua,
    "includes/keep_queue": PackageResources.keep_queue_lua,
    "includes/leave_group": PackageResources.leave_group_lua,
    "includes/later": PackageResources.later_lua,
    "includes/lease_jobs": PackageResources.lease_jobs_lua,
    "includes/limit_of": PackageResources.limit_of_lua,
    "includes/now": PackageResources.now_lua,
    "includes/numbers": PackageResources.numbers_lua,
    "includes/offers": PackageResources.offers_lua,
    "includes/outcome": PackageResources.outcome_lua,
    "includes/pack": PackageResources.pack_lua,
    "includes/parked_key": PackageResources.parked_key_lua,
    "includes/place": PackageResources.place_lua,
    "includes/postpone": PackageResources.postpone_lua,
    "includes/progress": PackageResources.progress_lua,
    "includes/promote_due": PackageResources.promote_due_lua,
    "includes/prune_queue": PackageResources.prune_queue_lua,
    "includes/publish_job": PackageResources.publish_job_lua,
    "includes/put_back": PackageResources.put_back_lua,
    "includes/queue": PackageResources.queue_lua,
    "includes/record": PackageResources.record_lua,
    "includes/records": PackageResources.records_lua,
    "includes/refuse_member": PackageResources.refuse_member_lua,
    "includes/release_children": PackageResources.release_children_lua,
    "includes/release_unheard": PackageResources.release_unheard_lua,
    "includes/reopen": PackageResources.reopen_lua,
    "includes/return_numbers": PackageResources.return_numbers_lua,
    "includes/retry_later": PackageResources.retry_later_lua,
    "includes/score": PackageResources.score_lua,
    "includes/settle_job": PackageResources.settle_job_lua,
    "includes/snooze": PackageResources.snooze_lua,
    "includes/start": PackageResources.start_lua,
    "includes/stop": PackageResources.stop_lua,
    "includes/submit": PackageResources.submit_lua,
    "includes/take_numbers": PackageResources.take_numbers_lua,
    "includes/undo_start": PackageResources.undo_start_lua,
    "includes/unindex_job": PackageResources.unindex_job_lua,
    "includes/unpark": PackageResources.unpark_lua,
    "includes/unpark_all": PackageResources.unpark_all_lua,
    "includes/user_chunk": PackageResources.user_chunk_lua,
    "includes/uuid": PackageResources.uuid_lua,
    "includes/waiting": PackageResources.waiting_lua,
    "includes/wake": PackageResources.wake_lua,
    "includes/webhooks_of": PackageResources.webhooks_of_lua,
    "includes/withdraw": PackageResources.withdraw_lua,
    "includes/woken": PackageResources.woken_lua,
    "includes/write_counts": PackageResources.write_counts_lua,
  ]
}
