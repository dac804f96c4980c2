import Redis
import Testing

@Suite("A Redis command") struct RedisCommandTests {
  @Test("is encoded with the number and the lengths of its parts")
  func encoding() {
    var command = RedisCommand("SET", "key")
    command.append([0, 13, 10, 255])
    command.append(-42)
    #expect(
      command.encoded == Array("*4\r\n$3\r\nSET\r\n$3\r\nkey\r\n$4\r\n".utf8) + [0, 13, 10, 255]
        + Array("\r\n$3\r\n-42\r\n".utf8))
  }

  @Test("measures texts in bytes") func bytes() {
    #expect(RedisCommand("ECHO", "ü").encoded == Array("*2\r\n$4\r\nECHO\r\n$2\r\nü\r\n".utf8))
  }

  @Test("takes many arguments") func many() {
    var command = RedisCommand("DEL")
    for number in 1...1000 { command.append("k\(number)") }
    #expect(command.encoded.starts(with: Array("*1001\r\n$3\r\nDEL\r\n$2\r\nk1\r\n".utf8)))
  }
}
