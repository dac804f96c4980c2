import EventLoop
import Foundation

/// Where a running `serve` hears `fanfare reload`: a Unix socket `serve.<pid>` in the state folder, which is its
/// owner's alone.
///
/// It is reached through the folder's descriptor, because the path of a Unix socket may have about a hundred bytes
/// only, and a folder's may have more.
@EventLoop
final class ControlSocket {
  nonisolated static let prefix = "serve."

  private let descriptor: Int32
  private let path: String
  private var watcher: SocketWatcher?
  private var links: [Int: ProcessLink] = [:]
  private var count = 0
  private let reload: @EventLoop (ControlConversation) -> Void

  /// Listens in the folder, and takes away what dead processes left there. `reload` is called when somebody asks
  /// for one. Throws ``CommandFailure``.
  init(
    in folder: StateFolder, reload: @escaping @EventLoop (ControlConversation) -> Void
  ) throws(CommandFailure) {
    self.reload = reload
    for process in Self.processes(in: folder) where kill(process, 0) != 0 && errno == ESRCH {
      unlink("\(folder.path)/\(Self.prefix)\(process)")
    }
    path = "\(folder.path)/\(Self.prefix)\(getpid())"
    // In a container each process has the number of the one before it.
    unlink(path)
    descriptor = try Self.open(in: folder, process: getpid()) { descriptor, address, size in
      bind(descriptor, address, size) == 0 && Foundation.listen(descriptor, 8) == 0
    }
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    watcher = SocketWatcher(descriptor: descriptor) { [weak self] _ in self?.accept() }
    watcher?.watch(.readable)
  }

  /// Those that have a socket in the folder, living or dead.
  nonisolated static func processes(in folder: StateFolder) -> [pid_t] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasPrefix(prefix) }.compactMap { pid_t($0.dropFirst(prefix.count)) }.sorted()
  }

  /// Makes a socket and does something with it and the address of a process's own; throws where that fails.
  nonisolated static func open(
    in folder: StateFolder, process: pid_t,
    _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Bool
  ) throws(CommandFailure) -> Int32 {
    let directory = Foundation.open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    let descriptor = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0)
    defer { if directory >= 0 { Foundation.close(directory) } }
    if directory >= 0, descriptor >= 0, fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 {
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let path = Array("/proc/self/fd/\(directory)/\(prefix)\(process)".utf8)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
      let isUsed = withUnsafePointer(to: address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          use(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      if isUsed { return descriptor }
    }
    let reason = String(cString: strerror(errno))
    if descriptor >= 0 { Foundation.close(descriptor) }
    throw CommandFailure(
      description: "\(folder.path)/\(prefix)\(process) cannot be used: \(reason)", status: .refused)
  }

  private func accept() {
    while watcher != nil {
      let caller = Foundation.accept(descriptor, nil, nil)
      guard caller >= 0 else { return }
      _ = fcntl(caller, F_SETFD, FD_CLOEXEC)
      count += 1
      let number = count
      links[number] = ProcessLink(
        caller, heard: { [weak self] in self?.heard($0, from: number) },
        ended: { [weak self] in self?.links[number] = nil })
    }
  }

  private func heard(_ text: String, from number: Int) {
    guard let link = links[number] else { return }
    let conversation = ControlConversation(link)
    if text == ControlCall.reload { reload(conversation) } else { conversation.failed("\(text) is not understood") }
  }

  /// Listens no more; the socket is gone.
  func close() {
    guard let watcher else { return }
    watcher.stop()
    self.watcher = nil
    Foundation.close(descriptor)
    unlink(path)
    links = [:]
  }

  isolated deinit { close() }
}

/// What is answered to one who asked for something; nobody need hear it.
@EventLoop
final class ControlConversation {
  private weak var link: ProcessLink?

  fileprivate init(_ link: ProcessLink) { self.link = link }

  /// Something on the way.
  func say(_ text: String) { link?.send("\(ControlCall.said)\(text)") }
  /// It is done; the last thing that is said.
  func done(_ text: String) { link?.send("\(ControlCall.done)\(text)") }
  /// It could not be done; the last thing that is said.
  func failed(_ text: String) { link?.send("\(ControlCall.failed)\(text.prefix(32_768))") }
}
