import Testing

@testable import Web

@Suite("A network address") struct NetworkAddressTests {
  @Test(
    "is not public where it leads to this machine or a private net",
    arguments: [
      "0.0.0.0", "10.1.2.3", "127.0.0.1", "127.255.255.254", "100.64.0.1", "169.254.169.254",
      "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.1", "192.0.2.1", "198.18.0.1",
      "198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1",
      "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
      "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "2001::1", "100::1", "fec0::1",
    ])
  func special(_ text: String) throws {
    #expect(try #require(NetworkAddress(text)).isPublic == false)
  }

  @Test(
    "is public elsewhere",
    arguments: [
      "1.1.1.1", "8.8.8.8", "100.63.0.1", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1",
      "198.20.0.1", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
    ])
  func ordinary(_ text: String) throws {
    #expect(try #require(NetworkAddress(text)).isPublic)
  }

  @Test("is read from its text alone")
  func text() {
    #expect(NetworkAddress("::1")?.bytes == Array(repeating: 0, count: 15) + [1])
    #expect(NetworkAddress("nothing") == nil)
    #expect(NetworkAddress("2130706433") == nil)
  }
}
