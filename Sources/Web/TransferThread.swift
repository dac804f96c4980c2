import CCurl
import Foundation
import Synchronization

/// The one thread of the process that does all transfers, begun with the first of them.
///
/// libcurl's multi interface is used on it alone; others hand over what is to be done and wake it.
final class TransferThread: Sendable {
  static let shared = TransferThread()

  private enum Order {
    case begin(Transfer)
    case goOn(Transfer)
    case abandon(Transfer)
  }

  private let orders = Mutex<[Order]>([])
  // libcurl lets other threads call curl_multi_wakeup, which is all they do with it.
  private nonisolated(unsafe) let multi: UnsafeMutableRawPointer

  /// The most connections that are kept for another request.
  private static let connections = 32

  private init() {
    guard ccurl_begin() == CURLE_OK, let multi = curl_multi_init() else {
      preconditionFailure("libcurl cannot be used")
    }
    self.multi = multi
    ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, Self.connections)
    let thread = Thread { [self] in run() }
    thread.name = "fanfare-web"
    thread.start()
  }

  func begin(_ transfer: Transfer) { hand(.begin(transfer)) }
  func goOn(_ transfer: Transfer) { hand(.goOn(transfer)) }
  func abandon(_ transfer: Transfer) { hand(.abandon(transfer)) }

  private func hand(_ order: Order) {
    let isFirst = orders.withLock { orders in
      orders.append(order)
      return orders.count == 1
    }
    if isFirst { curl_multi_wakeup(multi) }
  }

  // MARK: On the thread

  private func run() {
    // OpenSSL writes to sockets as to files: one that is gone would end the process.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    var handles: [ObjectIdentifier: TransferHandle] = [:]
    var transfers: [UnsafeMutableRawPointer: Transfer] = [:]
    while true {
      let batch = orders.withLock { orders in
        defer { orders = [] }
        return orders
      }
      for order in batch {
        switch order {
        case .begin(let transfer):
          let handle = TransferHandle(transfer)
          handles[ObjectIdentifier(transfer)] = handle
          transfers[handle.easy] = transfer
          handle.join(multi)
        case .goOn(let transfer):
          if let handle = handles[ObjectIdentifier(transfer)] { handle.goOn() }
        case .abandon(let transfer):
          guard let handle = handles.removeValue(forKey: ObjectIdentifier(transfer)) else { continue }
          transfers[handle.easy] = nil
          handle.leave(multi)
          transfer.ended(.failure(.cancelled))
        }
      }
      var running: Int32 = 0
      curl_multi_perform(multi, &running)
      var left: Int32 = 0
      while let message = curl_multi_info_read(multi, &left) {
        guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle,
          let transfer = transfers.removeValue(forKey: easy),
          let handle = handles.removeValue(forKey: ObjectIdentifier(transfer))
        else { continue }
        let result = handle.result(ccurl_result(message))
        handle.leave(multi)
        transfer.ended(result)
      }
      // Shorter where a timer of libcurl is due; ended by a wake-up, also one that came before.
      curl_multi_poll(multi, nil, 0, 600_000, nil)
    }
  }
}
