import Testing

@testable import Fanfare

@Suite("Rules between keys") struct ContradictionTests {
  private func keys(wrongIn text: String) -> [String] {
    var file = ConfigurationFile()
    file.read(text, from: "config.toml")
    #expect(file.faults.isEmpty)
    return file.configuration.contradictions.map(\.key)
  }

  @Test(
    "are each told by the key that breaks them",
    arguments: [
      ("", []),
      ("[gateway]\npong_timeout = \"25s\"", ["gateway.pong_timeout"]),
      ("[gateway]\nprocesses = 2", ["gateway.processes"]),
      ("[gateway]\nprocesses = \"auto\"", []),
      ("[gateway]\nprocesses = 2\n[broker]\nurl = \"redis://localhost\"", []),
      ("[gateway]\ndebug_echo = true", []),
      ("[gateway]\nhost = \"::1\"\ndebug_echo = true", []),
      (
        "[gateway]\nhost = \"0.0.0.0\"\ndebug_echo = true\n[admission]\njwks_file = \"keys.json\"",
        ["gateway.debug_echo"]
      ),
      ("[broker]\nreap_interval = \"7501ms\"", ["broker.reap_interval"]),
      ("[broker]\nlease = \"10s\"", ["broker.reap_interval"]),
      ("[broker]\nlease = \"10s\"\nreap_interval = \"2500ms\"", []),
      ("[gateway]\nhost = \"0.0.0.0\"", ["admission.keys"]),
      ("[gateway]\nhost = \"0.0.0.0\"\n[admission]\njwks_file = \"keys.json\"", []),
      ("[gateway]\npublic_url = \"https://jobs.example.com\"", ["admission.keys"]),
      ("[development]\nenabled = false", ["admission.keys"]),
      ("[payloads]\nmax_inline = \"256KiB\"", []),
      ("[payloads]\nmax_size = \"16KiB\"", []),
      ("[payloads]\nmax_size = \"15KiB\"", ["payloads.max_inline"]),
      ("[payloads]\nmax_size = \"64KiB\"\nmax_inline = \"65KiB\"", ["payloads.max_inline"]),
      ("[artifacts]\nbucket = \"out\"", ["artifacts.bucket"]),
      ("[artifacts]\nbucket = \"out\"\naccess_key = \"a\"\nsecret_key = \"b\"", []),
      ("[[admission.keys]]", ["admission.keys[0]"]),
      ("[[admission.keys]]\nsecret = \"a\"\npem_file = \"b\"", ["admission.keys[0]"]),
      ("[[admission.keys]]\nalgorithm = \"ES256\"\nsecret = \"a\"", ["admission.keys[0].secret"]),
      ("[[admission.keys]]\npem_file = \"a\"", ["admission.keys[0].pem_file"]),
      (
        "[[admission.keys]]\nid = \"a\"\nsecret = \"a\"\n[[admission.keys]]\nid = \"a\"\nsecret = \"b\"",
        ["admission.keys.id"]
      ),
      ("[[workers.commands]]", ["workers.commands[0].name", "workers.commands[0].program"]),
      (
        "[[workers.commands]]\nname = \"a\"\nprogram = \"b\"\nprogress = \"pattern\"",
        ["workers.commands[0].pattern"]
      ),
      (
        "[[workers.commands]]\nname = \"a\"\nprogram = \"b\"\npattern = \"x\"",
        ["workers.commands[0].pattern"]
      ),
      (
        "[[workers.commands]]\nname = \"a\"\nprogram = \"b\"\narguments = [\"{job.id}\", \"{nope}\", \"{{x\", \"}\"]",
        ["workers.commands[0].arguments[1]", "workers.commands[0].arguments[3]"]
      ),
      (
        "[[workers.commands]]\nname = \"a\"\nprogram = \"b\"\nprogress = \"pattern\"\npattern = \"(\"",
        ["workers.commands[0].pattern"]
      ),
      ("[[workers.commands]]\nname = \"ffmpeg\"\nprogram = \"b\"", ["workers.commands.name"]),
      ("[[workers.commands]]\nname = \"slideshow\"\nprogram = \"b\"", ["workers.commands.name"]),
      ("[[workers.commands]]\nname = \"demucs\"\nprogram = \"b\"", []),
      ("[[workers.commands]]\nname = \"webhook\"\nprogram = \"b\"", ["workers.commands.name"]),
      ("[workers]\nqueues = [\"default\", \"webhooks\"]", ["workers.queues"]),
      (
        "[workers.demucs]\nenabled = true\n[[workers.commands]]\nname = \"demucs\"\nprogram = \"b\"",
        ["workers.commands.name"]
      ),
    ])
  func table(_ text: String, _ expected: [String]) {
    #expect(keys(wrongIn: text) == expected)
  }

  @Test(
    "hand out development tokens on this machine only, and never beside a key",
    arguments: [
      ("", true), ("[gateway]\nhost = \"::1\"", true), ("[gateway]\nhost = \"localhost\"", true),
      ("[gateway]\nhost = \"0.0.0.0\"", false), ("[gateway]\nhost = \"127.evil.example\"", false),
      ("[development]\nenabled = false", false),
      ("[gateway]\npublic_url = \"https://jobs.example.com\"", false),
      ("[gateway]\npublic_url = \"http://localhost:8000\"", true),
      ("[[admission.keys]]\nsecret = \"a\"", false),
    ])
  func development(_ text: String, _ expected: Bool) {
    var file = ConfigurationFile()
    file.read(text, from: "config.toml")
    #expect(file.configuration.isDevelopment == expected)
  }
}
