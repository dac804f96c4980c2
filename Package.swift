// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

/// A Lua script of `Sources/Jobs/Lua`, carried inside the binary.
func lua(_ names: String...) -> [Resource] { names.map { .embedInCode("Lua/\($0).lua") } }

/// The files of the web client that the gateway serves, carried inside the binary.
let webClientFiles: [Resource] = [
  .embedInCode("backoff.js"),
  .embedInCode("client.js"),
  .embedInCode("codes.js"),
  .embedInCode("connection-monitor.js"),
  .embedInCode("connection.js"),
  .embedInCode("dom.js"),
  .embedInCode("environment.js"),
  .embedInCode("errors.js"),
  .embedInCode("fanfare.js"),
  .embedInCode("favicon.svg"),
  .embedInCode("frames.js"),
  .embedInCode("gateway-http.js"),
  .embedInCode("group.js"),
  .embedInCode("index.html"),
  .embedInCode("interruption.js"),
  .embedInCode("job-list.js"),
  .embedInCode("job-progress-style.js"),
  .embedInCode("job-progress.js"),
  .embedInCode("job-text.js"),
  .embedInCode("job.js"),
  .embedInCode("page-composer.js"),
  .embedInCode("page-job-card.js"),
  .embedInCode("page-job-list.js"),
  .embedInCode("page-notice.js"),
  .embedInCode("page-player.js"),
  .embedInCode("page-presets.js"),
  .embedInCode("page-session.js"),
  .embedInCode("page-status.js"),
  .embedInCode("page-titles.js"),
  .embedInCode("page-upload-card.js"),
  .embedInCode("page.css"),
  .embedInCode("page.js"),
  .embedInCode("record-store.js"),
  .embedInCode("record-watch.js"),
  .embedInCode("request-budget.js"),
  .embedInCode("shared-connections.js"),
  .embedInCode("submission.js"),
  .embedInCode("subscription-set.js"),
  .embedInCode("subscription.js"),
  .embedInCode("token-source.js"),
  .embedInCode("upload.js"),
  .embedInCode("wakeups.js"),
]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let orderedCollections = Target.Dependency.product(
  name: "OrderedCollections", package: "swift-collections")

let package = Package(
  name: "fanfare",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "fanfare", targets: ["Fanfare"]),
    // Not part of Fanfare: tests load them into a Redis of theirs, and into what runs under a sanitizer.
    .library(name: "ShiftedClock", type: .dynamic, targets: ["CShiftedClock"]),
    .library(name: "VisibleMutex", type: .dynamic, targets: ["CVisibleMutex"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    // System libraries: a module map and a shim, nothing else.
    // hiredis has no pkgConfig: its -D_FILE_OFFSET_BITS=64 warns at each build.
    .systemLibrary(name: "CUV", providers: [.apt(["libuv1-dev"])]),
    .systemLibrary(name: "CWebSockets", providers: [.apt(["libwebsockets-dev"])]),
    .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
    .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CPostgres", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),

    // A hook of the concurrency runtime, which is called as Swift calls: docs/decisions/0005.
    .target(name: "CTaskResumption"),

    .target(
      name: "EventLoop", dependencies: ["CUV", "CTaskResumption", logging, collections],
      swiftSettings: settings),
    .target(
      name: "Redis", dependencies: ["EventLoop", "CHiredis", "CUV", logging, collections],
      swiftSettings: settings),
    .target(name: "Web", dependencies: ["CCurl"], swiftSettings: settings),
    .target(
      name: "Jobs",
      dependencies: [
        "EventLoop", "Redis", "Web", "COpenSSL", "CZlib", logging, collections, orderedCollections,
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ],
      resources: lua(
        "archive", "audit", "beat", "beat_node", "cancel", "clear", "close_group", "control",
        "create_group", "delete_queue", "direct", "discard", "enqueue", "exchange",
        "expire", "extend", "feed", "fire", "list", "list_group", "log", "nodes", "pass_on", "places",
        "positions", "promote", "prune", "put_schedule", "queues", "read", "reap", "report", "restore",
        "restore_group", "restore_ledger", "revocations", "revoke", "set_queue", "spend_request", "statistics",
        "upcoming", "workers", "includes/accept", "includes/admit", "includes/block", "includes/bucket",
        "includes/change", "includes/check_group", "includes/check_job", "includes/check_queue",
        "includes/claim", "includes/claimed", "includes/claims", "includes/count_change",
        "includes/count_group", "includes/counter", "includes/counts",
        "includes/describe", "includes/describe_queue", "includes/digits", "includes/drop_claims",
        "includes/end_drain", "includes/end_group", "includes/end_jobs", "includes/ends", "includes/enter",
        "includes/expire_job", "includes/index_restored", "includes/limit_of",
        "includes/extend_leases", "includes/fail_child", "includes/failure",
        "includes/fair", "includes/feed_change", "includes/find", "includes/finish", "includes/finish_stopped",
        "includes/forget", "includes/forget_all", "includes/free_place", "includes/group",
        "includes/index_job", "includes/is_terminal", "includes/keep_queue",
        "includes/later", "includes/lease_jobs", "includes/leave_group", "includes/now", "includes/numbers",
        "includes/offers",
        "includes/outcome", "includes/return_numbers", "includes/take_numbers", "includes/woken",
        "includes/pack", "includes/parked_key", "includes/place", "includes/postpone",
        "includes/progress", "includes/promote_due", "includes/prune_queue",
        "includes/publish_job", "includes/put_back", "includes/queue", "includes/record", "includes/records",
        "includes/refuse_member", "includes/release_children", "includes/release_unheard", "includes/reopen",
        "includes/retry_later", "includes/score", "includes/settle_job", "includes/snooze", "includes/start",
        "includes/stop", "includes/submit", "includes/undo_start", "includes/unindex_job", "includes/unpark",
        "includes/unpark_all", "includes/user_chunk", "includes/uuid", "includes/waiting",
        "includes/wake", "includes/webhooks_of", "includes/withdraw", "includes/write_counts"),
      swiftSettings: settings),
    .target(
      name: "Workers",
      dependencies: [
        "Jobs", "EventLoop", "Web", logging,
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .target(
      name: "History",
      dependencies: ["Jobs", "CPostgres", logging, .product(name: "GRDB", package: "GRDB.swift")],
      swiftSettings: settings),
    .target(
      name: "WebClient", path: "web-client", exclude: ["test", "package.json", "README.md"],
      resources: webClientFiles, swiftSettings: settings),
    .target(
      name: "Gateway",
      dependencies: [
        "Jobs", "EventLoop", "CUV", "CWebSockets", "COpenSSL", "CZlib", "WebClient", logging, collections,
        orderedCollections,
      ],
      swiftSettings: settings,
      // libwebsockets is to find them: docs/decisions/0011.
      linkerSettings: [
        .unsafeFlags(
          ["-Xlinker", "--export-dynamic-symbol=recv", "-Xlinker", "--export-dynamic-symbol=send"],
          .when(platforms: [.linux]))
      ]),
    .executableTarget(
      name: "Fanfare",
      dependencies: [
        "Gateway", "Workers", "History", "Jobs", "Redis", "EventLoop", "COpenSSL", "CZlib", "Web", "TOMLKit", logging,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),

    // Started by scripts in Benchmarks, which `make bench` runs.
    .executableTarget(
      name: "TokenVerification", dependencies: ["Gateway"], path: "Benchmarks/TokenVerification",
      swiftSettings: settings),
    .executableTarget(
      name: "BrokerLoops", dependencies: ["Jobs", "Workers", "Redis", "EventLoop", logging],
      path: "Benchmarks/BrokerLoops", swiftSettings: settings),

    // Loaded into programs that were not built here: no sanitizer of ours, whose symbols those lack.
    .target(
      name: "CShiftedClock", path: "Tests/CShiftedClock",
      cSettings: [.unsafeFlags(["-fno-sanitize=all"])]),
    .target(
      name: "CVisibleMutex", path: "Tests/CVisibleMutex",
      cSettings: [.unsafeFlags(["-fno-sanitize=all"])]),
    .target(
      name: "Support", dependencies: ["Jobs", "Redis", "Web", "EventLoop", logging], path: "Tests/Support",
      exclude: ["object_server.py", "tls_server.py"],
      swiftSettings: settings),
    .testTarget(
      name: "EventLoopTests", dependencies: ["EventLoop", "Support"], swiftSettings: settings),
    .testTarget(name: "WebTests", dependencies: ["Web", "Support"], swiftSettings: settings),
    .testTarget(name: "RedisTests", dependencies: ["Redis", "Support"], swiftSettings: settings),
    .testTarget(
      name: "JobsTests",
      dependencies: [
        "Jobs", "Redis", "Web", "EventLoop", "Support", .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: settings),
    .testTarget(
      name: "WorkersTests", dependencies: ["Workers", "Jobs", "EventLoop", "Support"],
      swiftSettings: settings),
    .testTarget(
      name: "HistoryTests",
      dependencies: [
        "History", "Jobs", "EventLoop", "Support", logging, .product(name: "GRDB", package: "GRDB.swift"),
      ], swiftSettings: settings),
    .testTarget(
      name: "GatewayTests",
      dependencies: [
        "Gateway", "WebClient", "Jobs", "Redis", "EventLoop", "COpenSSL", "Support", logging,
      ],
      exclude: ["Compatibility/Transcripts"], resources: [.copy("Admission/Vectors")],
      swiftSettings: settings),
    .testTarget(
      name: "FanfareTests",
      dependencies: [
        "Fanfare", "Gateway", "Jobs", "EventLoop", "Support",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: settings),
    .testTarget(
      name: "EndToEndTests",
      dependencies: ["Support", "Gateway", "Jobs", "Redis", "Web", "EventLoop", "Workers", "Fanfare"],
      exclude: ["Python", "Browser"], swiftSettings: settings),
  ]
)
