import Foundation
import Jobs
import Support
import Testing

@testable import Fanfare

@Suite("The reader of pickles") struct PickleReaderTests {
  private static func bytes(_ text: String) -> [UInt8] {
    guard let data = Data(base64Encoded: text) else { preconditionFailure("no base64") }
    return Array(data)
  }

  @Test("reads what Python writes in every protocol", arguments: Pickles.whole)
  func protocols(_ text: String) throws {
    let call = try RQCall(pickle: Self.bytes(text))
    #expect(call.function == "tasks.render")
    #expect(
      try call.payload(naming: nil).description
        == #"{"args":["aé",1,-5,300,70000,1208925819614629174706176,-9223372036854775808,1.5,null,true,false,"#
        + #""AP8=",[1],[1,2],[1,2,3],[1,2,3,4],[],[1],[1,2]],"kwargs":{"day":"2026-11-22","#
        + #""at":"2026-11-22T13:05:06.000070","zoned":"2026-11-22T13:05:06-02:30","span":86402.0,"#
        + #""clock":"01:02:03","id":"0198a6b0-0000-4000-8000-00000000000f","price":"1.50","tags":["x"],"#
        + #""members":["k"],"ordered":{"z":1},"1":"one","path":"/a/b"}}"#)
  }

  @Test("runs nothing: a call of os.system is an object of that type", arguments: Pickles.evil)
  func evil(_ text: String) throws {
    #expect(throws: ForeignJobFault("its arguments hold an object of type posix.system")) {
      try RQCall(pickle: Self.bytes(text))
    }
  }

  @Test("names the type of an object that it does not know", arguments: Pickles.video)
  func objects(_ text: String) throws {
    #expect(throws: ForeignJobFault("its arguments hold an object of type app.models.Video")) {
      try RQCall(pickle: Self.bytes(text))
    }
  }

  @Test("refuses a value that JSON has not")
  func notJSON() throws {
    // The float nan, and a dictionary with a tuple for a name.
    let nan = try PickleReader.read([0x80, 2, 0x47, 0x7F, 0xF8, 0, 0, 0, 0, 0, 0, 0x2E])
    #expect(throws: PickleError.notJSON("the number nan")) { try nan.json(nan.root) }
    let tuple = try PickleReader.read([0x80, 2, 0x7D, 0x29, 0x4E, 0x73, 0x2E])
    #expect(throws: PickleError.notJSON("a member whose name is no text")) { try tuple.json(tuple.root) }
  }

  @Test("is not drowned by a list that holds itself, or by one that holds two of one that holds two")
  func growth() throws {
    // l = []; l.append(l)
    let ring = try PickleReader.read(Array("]q\u{0}h\u{0}a.".utf8))
    #expect(throws: PickleError.tooDeep) { try ring.json(ring.root) }
    // Forty tuples, each of two of the one before: 2^40 leaves.
    var bytes = Array(")".utf8)
    for _ in 0..<40 { bytes += [0x32, 0x86] }
    let tree = try PickleReader.read(bytes + [0x2E])
    #expect(throws: PickleError.tooLarge) { try tree.json(tree.root) }
    // A million lists in each other: let go without recursion.
    let deep = try PickleReader.read(
      [UInt8](repeating: 0x5D, count: 1_000_000) + [UInt8](repeating: 0x61, count: 999_999) + [0x2E])
    #expect(throws: PickleError.tooDeep) { try deep.json(deep.root) }
  }

  @Test("answers to any bytes with a value or a fault")
  func fuzz() {
    var random = SeededRandom(seed: 22)
    let seeds = (Pickles.whole + Pickles.evil + Pickles.video).map(Self.bytes)
    var (read, refused) = (0, 0)
    for round in 0..<20_000 {
      var bytes: [UInt8]
      if round.isMultiple(of: 2) {
        bytes = seeds[Int.random(in: 0..<seeds.count, using: &random)]
        for _ in 0..<Int.random(in: 1...8, using: &random) {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0 ... .max, using: &random)
        }
        if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
      } else {
        // Instructions for the most part, which carries it further than bytes by chance would.
        bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
          Self.instructions[Int.random(in: 0..<Self.instructions.count, using: &random)]
        }
      }
      do throws(PickleError) {
        let document = try PickleReader.read(bytes)
        _ = try document.json(document.root)
        read += 1
      } catch { refused += 1 }
    }
    #expect(read > 0 && refused > 0 && read + refused == 20_000)
  }

  private static let instructions: [UInt8] =
    (UInt8(0)...UInt8(255)).filter { PickleOpcode(rawValue: $0) != nil } + [0, 1, 10, 10, 0x2E, 0x30]

  @Test("writes the digits of whole numbers of any size")
  func digits() {
    #expect(DecimalDigits.of(littleEndian: []) == "0")
    #expect(DecimalDigits.of(littleEndian: [0xFF]) == "-1")
    #expect(DecimalDigits.of(littleEndian: [0x00, 0x80]) == "-32768")
    #expect(DecimalDigits.of(littleEndian: [0xFF, 0x00]) == "255")
    #expect(
      DecimalDigits.of(littleEndian: [UInt8](repeating: 0, count: 16) + [1])
        == "340282366920938463463374607431768211456")
  }
}

/// Written by Python 3.11: `pickle.dumps(call, protocol)`, in base64.
private enum Pickles {
  /// A call with one value of each type, in the protocols 0 to 5.
  static let whole = [
    """
    KFZ0YXNrcy5yZW5kZXIKcDAKTihWYekKcDEKSTEKSS01CkkzMDAKSTcwMDAwCkwxMjA4OTI1ODE5NjE0NjI5MTc0NzA2MTc2\
    TApMLTkyMjMzNzIwMzY4NTQ3NzU4MDhMCkYxLjUKTkkwMQpJMDAKY19jb2RlY3MKZW5jb2RlCnAyCihWXHUwMDAw/wpwMwpW\
    bGF0aW4xCnA0CnRwNQpScDYKKEkxCnRwNwooSTEKSTIKdHA4CihJMQpJMgpJMwp0cDkKKEkxCkkyCkkzCkk0CnRwMTAKKGxw\
    MTEKKGxwMTIKSTEKYShscDEzCkkxCmFJMgphdHAxNAooZHAxNQpWZGF5CnAxNgpjZGF0ZXRpbWUKZGF0ZQpwMTcKKGcyCihW\
    B+oLFgpwMTgKZzQKdHAxOQpScDIwCnRwMjEKUnAyMgpzVmF0CnAyMwpjZGF0ZXRpbWUKZGF0ZXRpbWUKcDI0CihnMgooVgfq\
    CxZcdTAwMGQFBlx1MDAwMFx1MDAwMEYKcDI1Cmc0CnRwMjYKUnAyNwp0cDI4ClJwMjkKc1Z6b25lZApwMzAKZzI0CihnMgoo\
    VgfqCxZcdTAwMGQFBlx1MDAwMFx1MDAwMFx1MDAwMApwMzEKZzQKdHAzMgpScDMzCmNkYXRldGltZQp0aW1lem9uZQpwMzQK\
    KGNkYXRldGltZQp0aW1lZGVsdGEKcDM1CihJLTEKSTc3NDAwCkkwCnRwMzYKUnAzNwp0cDM4ClJwMzkKdHA0MApScDQxCnNW\
    c3BhbgpwNDIKZzM1CihJMQpJMgpJMAp0cDQzClJwNDQKc1ZjbG9jawpwNDUKY2RhdGV0aW1lCnRpbWUKcDQ2CihnMgooVgEC\
    A1x1MDAwMFx1MDAwMFx1MDAwMApwNDcKZzQKdHA0OApScDQ5CnRwNTAKUnA1MQpzVmlkCnA1MgpjY29weV9yZWcKX3JlY29u\
    c3RydWN0b3IKcDUzCihjdXVpZApVVUlECnA1NApjX19idWlsdGluX18Kb2JqZWN0CnA1NQpOdHA1NgpScDU3CihkcDU4ClZp\
    bnQKcDU5CkwyMTIxODM3OTQyNDMzMzIwNjAwOTMyNTA5OTAzOTE4OTg5MzI3TApzYnNWcHJpY2UKcDYwCmNkZWNpbWFsCkRl\
    Y2ltYWwKcDYxCihWMS41MApwNjIKdHA2MwpScDY0CnNWdGFncwpwNjUKY19fYnVpbHRpbl9fCmZyb3plbnNldApwNjYKKChs\
    cDY3ClZ4CnA2OAphdHA2OQpScDcwCnNWbWVtYmVycwpwNzEKY19fYnVpbHRpbl9fCnNldApwNzIKKChscDczClZrCnA3NAph\
    dHA3NQpScDc2CnNWb3JkZXJlZApwNzcKY2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnA3OAoodFJwNzkKVnoKcDgwCkkxCnNz\
    STEKVm9uZQpwODEKc1ZwYXRoCnA4MgpjcGF0aGxpYgpQdXJlUG9zaXhQYXRoCnA4MwooVi8KcDg0ClZhCnA4NQpWYgpwODYK\
    dHA4NwpScDg4CnN0cDg5Ci4=
    """,
    """
    KFgMAAAAdGFza3MucmVuZGVycQBOKFgDAAAAYcOpcQFLAUr7////TSwBSnARAQBMMTIwODkyNTgxOTYxNDYyOTE3NDcwNjE3\
    NkwKTC05MjIzMzcyMDM2ODU0Nzc1ODA4TApHP/gAAAAAAABOSTAxCkkwMApjX2NvZGVjcwplbmNvZGUKcQIoWAMAAAAAw79x\
    A1gGAAAAbGF0aW4xcQR0cQVScQYoSwF0cQcoSwFLAnRxCChLAUsCSwN0cQkoSwFLAksDSwR0cQpdcQtdcQxLAWFdcQ0oSwFL\
    AmV0cQ59cQ8oWAMAAABkYXlxEGNkYXRldGltZQpkYXRlCnERKGgCKFgFAAAAB8OqCxZxEmgEdHETUnEUdHEVUnEWWAIAAABh\
    dHEXY2RhdGV0aW1lCmRhdGV0aW1lCnEYKGgCKFgLAAAAB8OqCxYNBQYAAEZxGWgEdHEaUnEbdHEcUnEdWAUAAAB6b25lZHEe\
    aBgoaAIoWAsAAAAHw6oLFg0FBgAAAHEfaAR0cSBScSFjZGF0ZXRpbWUKdGltZXpvbmUKcSIoY2RhdGV0aW1lCnRpbWVkZWx0\
    YQpxIyhK/////0pYLgEASwB0cSRScSV0cSZScSd0cShScSlYBAAAAHNwYW5xKmgjKEsBSwJLAHRxK1JxLFgFAAAAY2xvY2tx\
    LWNkYXRldGltZQp0aW1lCnEuKGgCKFgGAAAAAQIDAAAAcS9oBHRxMFJxMXRxMlJxM1gCAAAAaWRxNGNjb3B5X3JlZwpfcmVj\
    b25zdHJ1Y3RvcgpxNShjdXVpZApVVUlECnE2Y19fYnVpbHRpbl9fCm9iamVjdApxN050cThScTl9cTpYAwAAAGludHE7TDIx\
    MjE4Mzc5NDI0MzMzMjA2MDA5MzI1MDk5MDM5MTg5ODkzMjdMCnNiWAUAAABwcmljZXE8Y2RlY2ltYWwKRGVjaW1hbApxPShY\
    BAAAADEuNTBxPnRxP1JxQFgEAAAAdGFnc3FBY19fYnVpbHRpbl9fCmZyb3plbnNldApxQihdcUNYAQAAAHhxRGF0cUVScUZY\
    BwAAAG1lbWJlcnNxR2NfX2J1aWx0aW5fXwpzZXQKcUgoXXFJWAEAAABrcUphdHFLUnFMWAcAAABvcmRlcmVkcU1jY29sbGVj\
    dGlvbnMKT3JkZXJlZERpY3QKcU4pUnFPWAEAAAB6cVBLAXNLAVgDAAAAb25lcVFYBAAAAHBhdGhxUmNwYXRobGliClB1cmVQ\
    b3NpeFBhdGgKcVMoWAEAAAAvcVRYAQAAAGFxVVgBAAAAYnFWdHFXUnFYdXRxWS4=
    """,
    """
    gAIoWAwAAAB0YXNrcy5yZW5kZXJxAE4oWAMAAABhw6lxAUsBSvv///9NLAFKcBEBAIoLAAAAAAAAAAAAAAGKCAAAAAAAAACA\
    Rz/4AAAAAAAAToiJY19jb2RlY3MKZW5jb2RlCnECWAMAAAAAw79xA1gGAAAAbGF0aW4xcQSGcQVScQZLAYVxB0sBSwKGcQhL\
    AUsCSwOHcQkoSwFLAksDSwR0cQpdcQtdcQxLAWFdcQ0oSwFLAmV0cQ59cQ8oWAMAAABkYXlxEGNkYXRldGltZQpkYXRlCnER\
    aAJYBQAAAAfDqgsWcRJoBIZxE1JxFIVxFVJxFlgCAAAAYXRxF2NkYXRldGltZQpkYXRldGltZQpxGGgCWAsAAAAHw6oLFg0F\
    BgAARnEZaASGcRpScRuFcRxScR1YBQAAAHpvbmVkcR5oGGgCWAsAAAAHw6oLFg0FBgAAAHEfaASGcSBScSFjZGF0ZXRpbWUK\
    dGltZXpvbmUKcSJjZGF0ZXRpbWUKdGltZWRlbHRhCnEjSv////9KWC4BAEsAh3EkUnElhXEmUnEnhnEoUnEpWAQAAABzcGFu\
    cSpoI0sBSwJLAIdxK1JxLFgFAAAAY2xvY2txLWNkYXRldGltZQp0aW1lCnEuaAJYBgAAAAECAwAAAHEvaASGcTBScTGFcTJS\
    cTNYAgAAAGlkcTRjdXVpZApVVUlECnE1KYFxNn1xN1gDAAAAaW50cTiKEA8AAAAAAACAAEAAALCmmAFzYlgFAAAAcHJpY2Vx\
    OWNkZWNpbWFsCkRlY2ltYWwKcTpYBAAAADEuNTBxO4VxPFJxPVgEAAAAdGFnc3E+Y19fYnVpbHRpbl9fCmZyb3plbnNldApx\
    P11xQFgBAAAAeHFBYYVxQlJxQ1gHAAAAbWVtYmVyc3FEY19fYnVpbHRpbl9fCnNldApxRV1xRlgBAAAAa3FHYYVxSFJxSVgH\
    AAAAb3JkZXJlZHFKY2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnFLKVJxTFgBAAAAenFNSwFzSwFYAwAAAG9uZXFOWAQAAABw\
    YXRocU9jcGF0aGxpYgpQdXJlUG9zaXhQYXRoCnFQWAEAAAAvcVFYAQAAAGFxUlgBAAAAYnFTh3FUUnFVdXRxVi4=
    """,
    """
    gAMoWAwAAAB0YXNrcy5yZW5kZXJxAE4oWAMAAABhw6lxAUsBSvv///9NLAFKcBEBAIoLAAAAAAAAAAAAAAGKCAAAAAAAAACA\
    Rz/4AAAAAAAAToiJQwIA/3ECSwGFcQNLAUsChnEESwFLAksDh3EFKEsBSwJLA0sEdHEGXXEHXXEISwFhXXEJKEsBSwJldHEK\
    fXELKFgDAAAAZGF5cQxjZGF0ZXRpbWUKZGF0ZQpxDUMEB+oLFnEOhXEPUnEQWAIAAABhdHERY2RhdGV0aW1lCmRhdGV0aW1l\
    CnESQwoH6gsWDQUGAABGcROFcRRScRVYBQAAAHpvbmVkcRZoEkMKB+oLFg0FBgAAAHEXY2RhdGV0aW1lCnRpbWV6b25lCnEY\
    Y2RhdGV0aW1lCnRpbWVkZWx0YQpxGUr/////SlguAQBLAIdxGlJxG4VxHFJxHYZxHlJxH1gEAAAAc3BhbnEgaBlLAUsCSwCH\
    cSFScSJYBQAAAGNsb2NrcSNjZGF0ZXRpbWUKdGltZQpxJEMGAQIDAAAAcSWFcSZScSdYAgAAAGlkcShjdXVpZApVVUlECnEp\
    KYFxKn1xK1gDAAAAaW50cSyKEA8AAAAAAACAAEAAALCmmAFzYlgFAAAAcHJpY2VxLWNkZWNpbWFsCkRlY2ltYWwKcS5YBAAA\
    ADEuNTBxL4VxMFJxMVgEAAAAdGFnc3EyY2J1aWx0aW5zCmZyb3plbnNldApxM11xNFgBAAAAeHE1YYVxNlJxN1gHAAAAbWVt\
    YmVyc3E4Y2J1aWx0aW5zCnNldApxOV1xOlgBAAAAa3E7YYVxPFJxPVgHAAAAb3JkZXJlZHE+Y2NvbGxlY3Rpb25zCk9yZGVy\
    ZWREaWN0CnE/KVJxQFgBAAAAenFBSwFzSwFYAwAAAG9uZXFCWAQAAABwYXRocUNjcGF0aGxpYgpQdXJlUG9zaXhQYXRoCnFE\
    WAEAAAAvcUVYAQAAAGFxRlgBAAAAYnFHh3FIUnFJdXRxSi4=
    """,
    """
    gASVOQIAAAAAAAAojAx0YXNrcy5yZW5kZXKUTiiMA2HDqZRLAUr7////TSwBSnARAQCKCwAAAAAAAAAAAAABiggAAAAAAAAA\
    gEc/+AAAAAAAAE6IiUMCAP+USwGFlEsBSwKGlEsBSwJLA4eUKEsBSwJLA0sEdJRdlF2USwFhXZQoSwFLAmV0lH2UKIwDZGF5\
    lIwIZGF0ZXRpbWWUjARkYXRllJOUQwQH6gsWlIWUUpSMAmF0lGgNjAhkYXRldGltZZSTlEMKB+oLFg0FBgAARpSFlFKUjAV6\
    b25lZJRoFUMKB+oLFg0FBgAAAJRoDYwIdGltZXpvbmWUk5RoDYwJdGltZWRlbHRhlJOUSv////9KWC4BAEsAh5RSlIWUUpSG\
    lFKUjARzcGFulGgeSwFLAksAh5RSlIwFY2xvY2uUaA2MBHRpbWWUk5RDBgECAwAAAJSFlFKUjAJpZJSMBHV1aWSUjARVVUlE\
    lJOUKYGUfZSMA2ludJSKEA8AAAAAAACAAEAAALCmmAFzYowFcHJpY2WUjAdkZWNpbWFslIwHRGVjaW1hbJSTlIwEMS41MJSF\
    lFKUjAR0YWdzlCiMAXiUkZSMB21lbWJlcnOUj5QojAFrlJCMB29yZGVyZWSUjAtjb2xsZWN0aW9uc5SMC09yZGVyZWREaWN0\
    lJOUKVKUjAF6lEsBc0sBjANvbmWUjARwYXRolIwHcGF0aGxpYpSMDVB1cmVQb3NpeFBhdGiUk5SMAS+UjAFhlIwBYpSHlFKU\
    dXSULg==
    """,
    """
    gAWVOQIAAAAAAAAojAx0YXNrcy5yZW5kZXKUTiiMA2HDqZRLAUr7////TSwBSnARAQCKCwAAAAAAAAAAAAABiggAAAAAAAAA\
    gEc/+AAAAAAAAE6IiUMCAP+USwGFlEsBSwKGlEsBSwJLA4eUKEsBSwJLA0sEdJRdlF2USwFhXZQoSwFLAmV0lH2UKIwDZGF5\
    lIwIZGF0ZXRpbWWUjARkYXRllJOUQwQH6gsWlIWUUpSMAmF0lGgNjAhkYXRldGltZZSTlEMKB+oLFg0FBgAARpSFlFKUjAV6\
    b25lZJRoFUMKB+oLFg0FBgAAAJRoDYwIdGltZXpvbmWUk5RoDYwJdGltZWRlbHRhlJOUSv////9KWC4BAEsAh5RSlIWUUpSG\
    lFKUjARzcGFulGgeSwFLAksAh5RSlIwFY2xvY2uUaA2MBHRpbWWUk5RDBgECAwAAAJSFlFKUjAJpZJSMBHV1aWSUjARVVUlE\
    lJOUKYGUfZSMA2ludJSKEA8AAAAAAACAAEAAALCmmAFzYowFcHJpY2WUjAdkZWNpbWFslIwHRGVjaW1hbJSTlIwEMS41MJSF\
    lFKUjAR0YWdzlCiMAXiUkZSMB21lbWJlcnOUj5QojAFrlJCMB29yZGVyZWSUjAtjb2xsZWN0aW9uc5SMC09yZGVyZWREaWN0\
    lJOUKVKUjAF6lEsBc0sBjANvbmWUjARwYXRolIwHcGF0aGxpYpSMDVB1cmVQb3NpeFBhdGiUk5SMAS+UjAFhlIwBYpSHlFKU\
    dXSULg==
    """,
  ]

  /// `os.system("touch /tmp/evil")` as an argument.
  static let evil = [
    """
    KFZ0YXNrcy5yZW5kZXIKcDAKTihjcG9zaXgKc3lzdGVtCnAxCihWdG91Y2ggL3RtcC9ldmlsCnAyCnRwMwpScDQKdHA1Cihk\
    cDYKdHA3Ci4=
    """,
    """
    gAIoWAwAAAB0YXNrcy5yZW5kZXJxAE5jcG9zaXgKc3lzdGVtCnEBWA8AAAB0b3VjaCAvdG1wL2V2aWxxAoVxA1JxBIVxBX1x\
    BnRxBy4=
    """,
    """
    gAWVQQAAAAAAAAAojAx0YXNrcy5yZW5kZXKUTowFcG9zaXiUjAZzeXN0ZW2Uk5SMD3RvdWNoIC90bXAvZXZpbJSFlFKUhZR9\
    lHSULg==
    """,
  ]

  /// An object of a class of the program as an argument.
  static let video = [
    """
    KFZ0YXNrcy5yZW5kZXIKcDAKTihjY29weV9yZWcKX3JlY29uc3RydWN0b3IKcDEKKGNhcHAubW9kZWxzClZpZGVvCnAyCmNf\
    X2J1aWx0aW5fXwpvYmplY3QKcDMKTnRwNApScDUKKGRwNgpWYQpwNwpJMQpzYnRwOAooZHA5CnRwMTAKLg==
    """,
    """
    gAIoWAwAAAB0YXNrcy5yZW5kZXJxAE5jYXBwLm1vZGVscwpWaWRlbwpxASmBcQJ9cQNYAQAAAGFxBEsBc2KFcQV9cQZ0cQcu
    """,
    """
    gAWVPAAAAAAAAAAojAx0YXNrcy5yZW5kZXKUTowKYXBwLm1vZGVsc5SMBVZpZGVvlJOUKYGUfZSMAWGUSwFzYoWUfZR0lC4=
    """,
  ]
}
