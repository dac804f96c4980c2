package import Jobs

/// The server's side of the envelopes (spec §2): replies, pushes and the ping, as frames.
package enum Reply {
  /// `{"id":…,"<method>":{…}}`; the method's key is written even around nothing, as SDKs demand.
  package static func success(
    to command: Command, _ members: (inout JSONWriter) -> Void = { _ in }
  ) -> PreparedFrame {
    var writer = JSONWriter()
    writer.object {
      $0.member("id", command.id)
      switch command.method {
      case .connect: $0.object("connect", members)
      case .subscribe: $0.object("subscribe", members)
      case .unsubscribe: $0.object("unsubscribe", members)
      case .rpc: $0.object("rpc", members)
      case .refresh: $0.object("refresh", members)
      case .subRefresh: $0.object("sub_refresh", members)
      case .publish: $0.object("publish", members)
      case .presence: $0.object("presence", members)
      case .presenceStats: $0.object("presence_stats", members)
      case .history: $0.object("history", members)
      case .send: preconditionFailure("send has no reply")
      }
    }
    return PreparedFrame(text: writer.bytes)
  }

  /// `{"id":…,"error":{"code":…,"message":…}}`.
  package static func failure(of command: Command, _ error: ReplyError) -> PreparedFrame {
    var writer = JSONWriter()
    writer.object {
      $0.member("id", command.id)
      $0.object("error") {
        $0.member("code", error.code)
        $0.member("message", error.message)
        $0.fact("temporary", error.isTemporary)
      }
    }
    return PreparedFrame(text: writer.bytes)
  }

  /// A channel was added by the server: `{"push":{"channel":…,"subscribe":{…}}}`.
  package static func subscribed(
    to channel: Channel, _ members: (inout JSONWriter) -> Void
  ) -> PreparedFrame {
    var writer = JSONWriter()
    writer.object {
      $0.object("push") {
        $0.member("channel", channel.description)
        $0.object("subscribe", members)
      }
    }
    return PreparedFrame(text: writer.bytes)
  }

  /// A subscription was ended by the server: `{"push":{"channel":…,"unsubscribe":{…}}}`.
  package static func unsubscribed(from channel: Channel, _ reason: Unsubscription) -> PreparedFrame {
    var writer = JSONWriter()
    writer.object {
      $0.object("push") {
        $0.member("channel", channel.description)
        $0.object("unsubscribe") {
          $0.member("code", reason.code)
          $0.member("reason", reason.reason)
        }
      }
    }
    return PreparedFrame(text: writer.bytes)
  }

  /// `{"disconnect":{…}}`, as unidirectional transports end; a socket says it in its close frame.
  static func disconnectPush(_ disconnect: Disconnect) -> [UInt8] {
    var writer = JSONWriter()
    writer.object {
      $0.object("disconnect") {
        $0.member("code", disconnect.code)
        $0.member("reason", disconnect.reason)
      }
    }
    return writer.bytes
  }

  /// The token expires in so many seconds: `{"push":{"refresh":{"expires":true,"ttl":…}}}` (spec §8).
  package static func expiring(in seconds: Double) -> PreparedFrame {
    var writer = JSONWriter()
    writer.object {
      $0.object("push") {
        $0.object("refresh") {
          $0.member("expires", true)
          $0.member("ttl", max(1, Int(min(seconds.rounded(), 2_147_483_647))))
        }
      }
    }
    return PreparedFrame(text: writer.bytes)
  }

  /// `{}`: the ping, the same for everybody.
  package static let ping = PreparedFrame(text: Array("{}".utf8))
}
