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

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let orderedCollections = Target.Dependency.product(
  name: "OrderedCollections", package: "swift-collections")

let package = Package(
  name: "fanfare",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "fanfare", targets: ["Fanfare"])],
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

    .target(name: "EventLoop", dependencies: ["CUV", logging, collections], swiftSettings: settings),
    .target(
      name: "Redis", dependencies: ["EventLoop", "CHiredis", "CUV", logging, collections],
      swiftSettings: settings),
    .target(
      name: "Jobs",
      dependencies: [
        "EventLoop", "Redis", logging, collections, orderedCollections,
        .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: settings),
    .target(
      name: "Workers",
      dependencies: [
        "Jobs", "EventLoop", logging,
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .target(name: "WebClient", path: "web-client", exclude: ["test"], swiftSettings: settings),
    .target(
      name: "Gateway",
      dependencies: [
        "Jobs", "EventLoop", "CUV", "CWebSockets", "COpenSSL", "WebClient", logging, collections,
        orderedCollections,
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "Fanfare",
      dependencies: [
        "Gateway", "Workers", "Jobs", "Redis", "EventLoop", "COpenSSL", "TOMLKit", logging,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),

    .target(
      name: "Support", dependencies: ["Jobs", "Redis", "EventLoop", logging], path: "Tests/Support",
      swiftSettings: settings),
    .testTarget(name: "EventLoopTests", dependencies: ["EventLoop", "Support"], swiftSettings: settings),
    .testTarget(name: "RedisTests", dependencies: ["Redis", "Support"], swiftSettings: settings),
    .testTarget(
      name: "JobsTests", dependencies: ["Jobs", "Redis", "EventLoop", "Support"],
      swiftSettings: settings),
    .testTarget(
      name: "WorkersTests", dependencies: ["Workers", "Jobs", "EventLoop", "Support"],
      swiftSettings: settings),
    .testTarget(
      name: "GatewayTests",
      dependencies: ["Gateway", "Jobs", "EventLoop", "COpenSSL", "Support"],
      exclude: ["Admission/Vectors"],
      swiftSettings: settings),
    .testTarget(
      name: "FanfareTests", dependencies: ["Fanfare", "Jobs", "Support"], swiftSettings: settings),
    .testTarget(
      name: "EndToEndTests", dependencies: ["Support", "Jobs", "Redis", "EventLoop"],
      exclude: ["Python", "Browser"], swiftSettings: settings),
  ]
)
